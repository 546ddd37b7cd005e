"""The greenlet bridge and events.

SQLAlchemy runs its synchronous code in a greenlet, and awaits only the calls of the driver. Event
listeners, ORM hooks, the inspector and the function that you pass to run_sync() also run in a
greenlet.
"""
