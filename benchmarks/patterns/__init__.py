"""A benchmark that compares ways to use SQLAlchemy.

The base of the comparison is asyncpg without an ORM. The page docs/bench.md describes this
benchmark.
"""
