"""The pool.

Connections are few, and kept: a task waits for one, settings outlive their user, and a
connection may be dead before its next use.
"""
