"""Judges the results of variants, and shows them as text and JSON."""
