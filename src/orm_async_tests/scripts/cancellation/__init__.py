"""Cancellation and timeouts.

A timeout or a disconnected client can cancel a task at every await. The effect of a
cancellation depends on the driver and on the interrupted await.
"""
