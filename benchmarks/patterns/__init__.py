"""Compares the speed of SQLAlchemy with the speed of plain asyncpg.

The page docs/bench.md describes the measurement and its results.
"""
