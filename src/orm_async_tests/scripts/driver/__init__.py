"""The driver and its types.

The driver asyncpg prepares statements, sends values in binary form and checks their Python types
strictly. The driver psycopg uses libpq, PostgreSQL's client library. The two drivers have different
errors, URL parameters and caches. SQLAlchemy does not hide every difference.
"""
