"""Heads: one family of outputs each, pure."""
