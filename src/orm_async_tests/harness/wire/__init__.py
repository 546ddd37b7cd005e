"""The connection between the engines and the server, watched: round trips and SQL."""
