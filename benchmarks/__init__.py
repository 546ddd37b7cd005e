"""Programs that measure ratios. Run them with `python -m benchmarks`, from a checkout only."""
