"""Web.

A request and its session do not end at the same time. FastAPI decides when dependencies close,
clients may disconnect early, and background tasks run after the response.
"""
