"""Cancellation and timeouts.

A timeout or a disconnected client can cancel a task at every await. What happens to the query, the
transaction and the connection depends on the driver and on the await that the cancel interrupts.
"""
