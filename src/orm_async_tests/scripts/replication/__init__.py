"""Replication.

A hot standby answers reads, and lags a moment behind its primary. Your program must decide where
each statement goes and what to do when the primary dies: no library does it alone.
"""
