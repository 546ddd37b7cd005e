"""Migrations.

Alembic from an event loop, and schema changes while the program runs: what locks, what
breaks the release that is still running, and what autogenerate does not see.
"""
