"""Poolers.

In transaction mode, PgBouncer runs each transaction on any server connection that is free. A
prepared statement stays on one server connection, so the client's next transaction may not find it.
A setting that a client makes with SET also stays on one server connection.
"""
