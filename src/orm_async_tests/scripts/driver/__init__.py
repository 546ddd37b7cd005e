"""The driver and its types.

The driver asyncpg prepares statements, sends values in binary form and checks their Python types
strictly. The driver psycopg uses libpq, PostgreSQL's client library. The drivers asyncpg and
psycopg differ in their errors, URL parameters and caches, and SQLAlchemy does not hide every
difference.
"""
