"""Transactions and savepoints.

A transaction begins with the first statement and ends with commit, rollback or close. Structure a
request by what its transaction costs in round trips, and by what survives an error.
"""
