"""Runs the scripts on many stacks, and compares the results."""
