"""Cancellation and timeouts.

A timeout or a disconnected client can cancel a task at every await. What a cancellation does to the
query, the transaction and the connection depends on the driver and on the interrupted await.
"""
