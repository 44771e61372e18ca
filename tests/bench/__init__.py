"""Benchmarks: per-stage times and pipeline efficiency, printed and kept with the machine's name."""
