"""Replication.

A hot standby is a read-only server that copies all changes of a primary server with a short delay.
If you use a standby, your program must decide to which server it sends each statement. Your program
must decide what to do when the primary server fails.
"""
