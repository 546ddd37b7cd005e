"""Streaming.

execute() fetches every row before it returns. stream() reads from a server-side cursor, one
partition at a time, and needs its session, connection and transaction until the last row.
"""
