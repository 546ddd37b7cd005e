"""Benchmarks, which compare the speed of two programs on the same machine. Run the benchmarks in a
checkout with `python -m benchmarks`.
"""
