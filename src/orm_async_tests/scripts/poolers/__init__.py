"""Poolers.

In transaction mode, PgBouncer runs each transaction on any server connection that is free. A
prepared statement or a setting stays on one server connection, so it may be missing in the client's
next transaction.
"""
