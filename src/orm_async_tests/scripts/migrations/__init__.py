"""Migrations.

The scripts of this chapter run Alembic from an event loop, and change a schema while a program
runs. This chapter shows which schema changes lock a table, and which changes break the release that
is still running. This chapter shows which schema differences Alembic's autogenerate misses.
"""
