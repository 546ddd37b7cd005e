"""The asyncio drivers of PostgreSQL that this project runs on."""

DRIVERS = ("asyncpg", "psycopg")  # the first one is the default
