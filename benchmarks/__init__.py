"""What measures or compares. `python -m benchmarks` runs it, from a checkout only."""
