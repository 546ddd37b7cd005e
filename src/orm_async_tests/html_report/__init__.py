"""One HTML page that shows which scripts hold on which stack (extra `report`).

The page is made from the results that run, matrix, faults and bench write.
"""
