"""Judges the results of variants, and prints them as text and JSON."""
