"""Migrations.

The scripts about migrations run Alembic from an event loop, and change a schema while the program
runs. The scripts about migrations show which schema changes lock a table, which changes break the
release that is still running, and which differences Alembic's autogenerate misses.
"""
