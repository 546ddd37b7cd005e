"""The asyncio drivers for PostgreSQL that this project supports."""

DRIVERS = ("asyncpg", "psycopg")  # the first one is the default
