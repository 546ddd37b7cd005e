"""The driver and its types.

asyncpg prepares statements, sends values in binary form and checks their Python types strictly.
psycopg uses libpq, PostgreSQL's client library. asyncpg and psycopg differ in their errors, URL
parameters and caches, and SQLAlchemy does not hide every difference.
"""
