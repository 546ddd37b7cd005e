"""The driver and its types.

asyncpg prepares statements, sends values in binary and is strict about types. psycopg is closer to
libpq. The drivers differ in errors, URLs and caches, and SQLAlchemy does not hide every difference.
"""
