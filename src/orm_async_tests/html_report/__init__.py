"""Writes an HTML page with the results of the commands `run`, `matrix`, `faults` and `bench`."""
