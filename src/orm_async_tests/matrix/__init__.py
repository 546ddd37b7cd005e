"""Runs the scripts on many stacks (combinations of versions and servers), and compares them."""
