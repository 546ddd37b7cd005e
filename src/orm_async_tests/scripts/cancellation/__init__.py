"""Cancellation and timeouts.

A task may be cancelled at every await, by a timeout or a client that is gone. What becomes of
the query, the transaction and the connection depends on the driver and on the moment.
"""
