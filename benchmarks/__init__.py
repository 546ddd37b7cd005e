"""The command `python -m benchmarks` runs all benchmarks."""
