"""The greenlet bridge and events.

SQLAlchemy runs its synchronous code in a greenlet and awaits only in the driver. run_sync() enters
that greenlet; events, hooks and inspection run inside it.
"""
