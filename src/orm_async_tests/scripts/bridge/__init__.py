"""Greenlets and event listeners.

SQLAlchemy's ORM is synchronous code. Under asyncio, SQLAlchemy runs the ORM in a *greenlet*, which
is a function that can pause. The greenlet of the ORM pauses while the driver waits for the server.
Event listeners and the functions that you pass to run_sync() run in a greenlet.
"""
