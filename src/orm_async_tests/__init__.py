"""How SQLAlchemy's asyncio ORM behaves on a real PostgreSQL, shown and proved by numbered scripts."""
