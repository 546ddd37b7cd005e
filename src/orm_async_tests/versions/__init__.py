"""Finds the versions of the libraries that have known defects."""
