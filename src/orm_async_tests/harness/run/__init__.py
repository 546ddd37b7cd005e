"""Runs scripts, creates the fixtures of their variants, and observes the variants."""
