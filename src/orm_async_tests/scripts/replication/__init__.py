"""Replication.

A hot standby is a read-only server that repeats every change of a primary server a little later.
If you use a standby, your program must decide to which server it sends each statement. Your program
must decide what to do when the primary server fails.
"""
