"""Writes one HTML page that shows which scripts hold on which stack. It needs the extra `report`.

The page shows the results that the commands run, matrix, faults and bench write.
"""
