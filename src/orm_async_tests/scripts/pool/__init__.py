"""The pool.

A pool limits the number of connections and reuses them. A task may have to wait for a connection. A
setting of a connection may still apply to the next task that uses it. A pooled connection may also
die before its next use.
"""
