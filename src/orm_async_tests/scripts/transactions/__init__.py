"""Transactions and savepoints.

A session begins a transaction with its first statement. The session's transaction ends when you
commit, roll back or close the session. The scripts about transactions show how many round trips a
transaction costs and which changes remain after an error.
"""
