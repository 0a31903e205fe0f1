"""Benchmarks: each compares, in one run, with what a user would do instead. `make bench`."""
