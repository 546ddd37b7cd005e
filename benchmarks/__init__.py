"""Programs that measure how many times faster or slower one program is than another. Run the
benchmarks in a checkout with `python -m benchmarks`.
"""
