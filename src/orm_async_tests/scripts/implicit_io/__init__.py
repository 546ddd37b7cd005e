"""Implicit IO.

Reading an attribute of an ORM object may require a query. Python cannot await the reading of an
attribute, so under asyncio SQLAlchemy raises MissingGreenlet instead of sending the query. You need
to know which attributes are loaded, expired or deferred when your code reads them.
"""
