"""Isolation.

Concurrent transactions can cause anomalies, for example a lost update. The scripts of this chapter
try to cause every known anomaly at each of PostgreSQL's three isolation levels. Adya's thesis and
the Hermitage tests define the isolation anomalies and their names. The page `docs/isolation.md`
shows which anomalies occurred at which isolation level.
"""
