"""Numbered scripts that show and prove how SQLAlchemy's asyncio ORM behaves on PostgreSQL."""
