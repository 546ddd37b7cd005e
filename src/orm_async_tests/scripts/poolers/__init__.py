"""Poolers.

In transaction mode, PgBouncer runs each transaction on any server connection that is free. A
prepared statement stays on one server connection, so it may be missing in the client's next
transaction. The same is true of a setting that a client makes with SET.
"""
