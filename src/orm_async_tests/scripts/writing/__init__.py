"""Writing.

The scripts about writing insert, update and delete rows, and show which statements SQLAlchemy
sends. When two transactions change the same row, one transaction may have to wait for the other
one, or one change may be lost. Row locks and version columns prevent lost changes.
"""
