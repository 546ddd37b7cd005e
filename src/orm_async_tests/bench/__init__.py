"""Ratios of SQLAlchemy's patterns to raw asyncpg, each within one run: orm-async-tests bench."""
