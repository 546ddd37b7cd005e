"""Patterns of SQLAlchemy against raw asyncpg: docs/bench.md."""
