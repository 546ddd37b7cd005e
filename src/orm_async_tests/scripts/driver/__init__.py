"""The drivers asyncpg and psycopg.

The driver asyncpg prepares statements, sends values in binary form and checks their Python types
strictly. The driver psycopg uses libpq, PostgreSQL's client library. Even behind SQLAlchemy,
asyncpg and psycopg differ in their errors, URL parameters and caches.
"""
