"""Implicit IO.

Reading an attribute of an ORM object may require a query. Python cannot await the reading of an
attribute, so under asyncio SQLAlchemy raises MissingGreenlet. Load all attributes that your code
will read.
"""
