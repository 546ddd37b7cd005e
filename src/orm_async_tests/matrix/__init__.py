"""Runs the scripts with many combinations of versions and servers, records the results, and
compares them.
"""
