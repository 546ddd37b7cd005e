"""Writes one HTML page that shows which scripts hold on which stack. The HTML page needs the extra
`report`.

The page shows the results that the commands run, matrix, faults and bench write.
"""
