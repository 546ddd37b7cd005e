"""The driver and its types.

asyncpg prepares statements, binds in binary and is strict about types; psycopg is closer to
libpq. Errors, URLs and caches differ, and SQLAlchemy does not hide all of it.
"""
