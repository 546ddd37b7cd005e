"""Poolers.

In transaction mode PgBouncer gives each transaction any server connection that is free. Prepared
statements and settings stay on the server connection where the engine created them.
"""
