"""A benchmark that compares patterns of SQLAlchemy with raw asyncpg, as docs/bench.md describes."""
