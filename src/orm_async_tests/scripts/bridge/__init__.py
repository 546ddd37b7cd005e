"""The greenlet bridge and events.

SQLAlchemy's ORM is synchronous code. Under asyncio, SQLAlchemy runs the ORM in a greenlet. Whenever
the driver must wait for the server, the greenlet pauses. SQLAlchemy also runs event listeners in a
greenlet. With run_sync(), your own synchronous function runs in a greenlet.
"""
