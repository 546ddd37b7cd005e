"""Writes one HTML page that shows which scripts hold with which versions and servers. The page
needs the extra `report`.

The page shows the results of the commands `run`, `matrix`, `faults` and `bench`.
"""
