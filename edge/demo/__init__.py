"""The demo: the main job with nothing to set up: a rendered street, a broker, the daemon."""
