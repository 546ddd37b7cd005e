"""The pool.

A connection pool limits the number of connections and reuses them. A task may have to wait for a
pooled connection. If one task changes a setting of a connection, the next task that uses the
connection may still have this setting. A pooled connection may die before its next use.
"""
