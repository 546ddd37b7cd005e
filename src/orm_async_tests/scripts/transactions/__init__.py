"""Transactions and savepoints.

A transaction begins with the first statement and ends with commit, rollback or close. What it
costs in round trips, and what an error leaves of it, decides how a request is written.
"""
