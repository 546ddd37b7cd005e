"""Benchmarks that compare the speed of two programs. Run them with `python -m benchmarks`."""
