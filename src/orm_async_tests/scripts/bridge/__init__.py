"""The greenlet bridge and events.

SQLAlchemy runs its synchronous code in a greenlet and awaits at the driver. run_sync() is a
door into it, and events, hooks and inspection live on its far side.
"""
