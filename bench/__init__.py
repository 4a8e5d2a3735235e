"""Benchmarks: figures with commit, seed and machine. `make bench`."""
