"""Migrations.

How to run Alembic from an event loop and change a schema while the program runs: what locks, what
breaks the release that is still running, and what autogenerate misses.
"""
