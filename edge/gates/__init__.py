"""Gates: when to look."""
