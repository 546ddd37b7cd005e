"""Transactions and savepoints.

A transaction begins with the first statement and ends with commit, rollback or close. Its cost in
round trips, and what survives an error, determine how to structure a request.
"""
