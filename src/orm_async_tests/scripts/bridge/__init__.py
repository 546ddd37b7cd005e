"""The greenlet bridge and events.

SQLAlchemy's ORM is synchronous code. Under asyncio, SQLAlchemy runs the ORM in a greenlet. The
greenlet pauses whenever the driver must be awaited. SQLAlchemy also runs event listeners in a
greenlet. run_sync() runs your own synchronous function in a greenlet.
"""
