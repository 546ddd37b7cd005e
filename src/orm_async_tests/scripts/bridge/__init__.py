"""The greenlet bridge and events.

SQLAlchemy's ORM is synchronous code. Under asyncio, SQLAlchemy runs the ORM in a greenlet. The
ORM's greenlet pauses whenever the driver must be awaited. SQLAlchemy also runs event listeners in a
greenlet. With run_sync(), your own synchronous function runs in a greenlet.
"""
