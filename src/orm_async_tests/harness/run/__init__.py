"""Runs scripts, and records what their variants do."""
