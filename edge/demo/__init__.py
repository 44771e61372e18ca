"""The demo: the main job with nothing to set up."""
