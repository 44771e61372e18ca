"""Scenes drawn for tests: what a fixed camera sees when nothing, or somebody, is there."""
