"""Poolers.

In transaction mode, PgBouncer runs each transaction on any server connection that is free. A
prepared statement exists on one server connection only, so a client's next transaction may run on a
connection without this statement. If a client executes SET, the setting stays on PgBouncer's server
connection and affects the next client of this server connection.
"""
