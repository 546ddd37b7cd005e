"""Implicit IO.

Reading an attribute can need SQL, and under asyncio an attribute cannot be awaited: it raises
MissingGreenlet. What is loaded, expired or deferred at a given moment is what to know.
"""
