"""The pool.

A connection pool limits the number of connections and reuses them. A task may have to wait for a
pooled connection. A setting that one task makes on a connection may still apply to the next task
that uses the connection. A pooled connection may die before its next use.
"""
