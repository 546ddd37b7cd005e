"""Transactions and savepoints.

A session begins a transaction with its first statement. A session's transaction ends when you
commit, roll back or close the session. The scripts of this chapter count the round trips of a
transaction, and show which changes remain after an error.
"""
