"""Poolers.

In transaction mode, PgBouncer runs each transaction on any server connection that is free. A
prepared statement exists on one server connection only, so a client's next transaction may run on a
connection without this statement. A setting that a client makes with SET also stays on one server
connection, where it affects the next client.
"""
