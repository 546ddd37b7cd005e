"""Migrations.

The scripts of this chapter run Alembic from an event loop, and change a schema while a program
runs. The scripts show which schema changes lock a table, and which changes break the release that
is still running. The scripts also show which differences Alembic's autogenerate misses.
"""
