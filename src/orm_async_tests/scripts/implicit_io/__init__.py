"""Implicit IO.

Reading an attribute may need SQL. Under asyncio an attribute cannot be awaited, so SQLAlchemy
raises MissingGreenlet instead. You need to know what is loaded, expired or deferred at each point.
"""
