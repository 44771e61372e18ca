"""Runtime: threads around the pure spine."""
