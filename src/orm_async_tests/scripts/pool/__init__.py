"""The pool.

Connections are limited and reused. A task may wait for a connection, a setting may leak to the next
user, and a pooled connection may be dead before its next use.
"""
