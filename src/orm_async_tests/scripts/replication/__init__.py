"""Replication.

A hot standby is a read-only server that copies all changes of its primary server with a short
delay. A program that uses a standby must itself decide to which server it sends each statement, and
what it does when the primary fails.
"""
