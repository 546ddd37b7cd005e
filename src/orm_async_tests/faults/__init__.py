"""Faults injected at every point of a piece of work: what it must survive."""
