"""A benchmark that compares ways to use SQLAlchemy with asyncpg without an ORM.

The page docs/bench.md describes this benchmark.
"""
