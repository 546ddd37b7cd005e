"""Migrations.

The scripts of this chapter run Alembic from an event loop, and change a schema while the program
runs. They show which changes lock a table, which changes break the release that is still running,
and which differences autogenerate misses.
"""
