"""Benchmarks that compare the speed of two programs, and run with `python -m benchmarks`."""
