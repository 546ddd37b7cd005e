"""Poolers.

In transaction mode, PgBouncer runs each transaction on any server connection that is free. A
prepared statement stays on one server connection, so the statement may be missing in the client's
next transaction. A setting that a client makes with SET also stays on one server connection.
"""
