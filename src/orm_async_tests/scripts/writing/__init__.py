"""Writing.

The scripts of this chapter insert, update and delete rows, and show which statements SQLAlchemy
sends. When two transactions change the same row, one transaction may have to wait, or one change
may be lost. Row locks and version columns prevent lost changes.
"""
