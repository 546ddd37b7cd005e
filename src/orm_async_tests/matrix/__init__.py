"""Runs the scripts on many stacks, records the results, and compares them."""
