"""The greenlet bridge and events.

The ORM is synchronous code. Under asyncio, SQLAlchemy runs it in a greenlet, which pauses whenever
it must await the driver. Event listeners run in such a greenlet too. run_sync() runs your own
synchronous function in a greenlet, for example to inspect the tables of a database.
"""
