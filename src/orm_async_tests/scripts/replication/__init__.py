"""Replication.

A hot standby is a read-only server that copies all changes of its primary server with a short
delay. Your program must decide to which of the two servers it sends each statement, and what it
does when the primary fails. No library makes these two decisions for your program.
"""
