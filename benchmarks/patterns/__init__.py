"""A benchmark that compares the speed of SQLAlchemy, used in several ways, with plain asyncpg.

The page docs/bench.md describes the measurement and its results.
"""
