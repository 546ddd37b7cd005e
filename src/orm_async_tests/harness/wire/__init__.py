"""Watches the connections between engines and the server, to count round trips and record SQL."""
