"""Numbered scripts that show how SQLAlchemy's asyncio ORM behaves on PostgreSQL, and prove it."""
