"""Writes one HTML page, which shows the versions and servers on which each script holds. The page
needs the extra `report`.

The page shows the results of the commands `run`, `matrix`, `faults` and `bench`.
"""
