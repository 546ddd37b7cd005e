"""Implicit IO.

Reading an attribute of an ORM object may require a query. Python cannot await the reading of an
attribute, so under asyncio SQLAlchemy raises MissingGreenlet. You need to know which attributes are
loaded when your code reads them.
"""
