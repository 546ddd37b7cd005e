"""Programs that measure ratios between durations or rates. Run the benchmarks in a checkout with
`python -m benchmarks`.
"""
