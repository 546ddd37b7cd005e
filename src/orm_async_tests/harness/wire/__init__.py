"""Watches the connections between the engines and the server, to count round trips and record
SQL.
"""
