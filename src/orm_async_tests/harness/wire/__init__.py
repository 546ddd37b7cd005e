"""Counts the round trips of engines, and records their SQL."""
