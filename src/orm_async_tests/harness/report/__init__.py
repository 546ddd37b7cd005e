"""Judges observations, and shows the result as text and JSON."""
