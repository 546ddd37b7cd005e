"""The driver and its types.

The driver asyncpg prepares statements, sends values in binary form and checks their Python types
strictly. The driver psycopg uses libpq, PostgreSQL's client library. SQLAlchemy does not hide every
difference between the errors, URL parameters and caches of asyncpg and psycopg.
"""
