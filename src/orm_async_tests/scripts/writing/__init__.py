"""Writing.

The scripts of this chapter insert, update and delete rows, and show which statements SQLAlchemy
sends. When two transactions change the same row, one of them may wait or lose its change. Row locks
and version columns prevent lost changes.
"""
