"""Poolers.

PgBouncer in transaction mode gives each transaction whichever server connection is free. What an
engine believes to have left on its own, prepared statements and settings, is on somebody else's.
"""
