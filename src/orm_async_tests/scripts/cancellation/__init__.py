"""Cancellation and timeouts.

A timeout or a disconnected client can cancel a task at every await. The driver and the await
determine what happens to the query, the transaction and the connection.
"""
