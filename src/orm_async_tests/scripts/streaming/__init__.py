"""Streaming.

The method execute() fetches every row before it returns. The method stream() reads the rows from a
cursor on the server. The session, the connection and the transaction of a stream must stay open
until you have read the last row.
"""
