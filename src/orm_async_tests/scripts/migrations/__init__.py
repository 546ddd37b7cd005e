"""Migrations.

The scripts of this chapter run Alembic from an event loop, and change a schema while the program
runs. The scripts show which schema changes lock a table, which changes break the release that is
still running, and which differences Alembic's autogenerate misses.
"""
