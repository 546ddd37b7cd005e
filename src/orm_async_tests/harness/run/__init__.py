"""Runs scripts, creates what their variants need, and records what the variants do."""
