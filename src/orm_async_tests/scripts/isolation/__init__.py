"""Isolation.

Concurrent transactions can cause anomalies, for example a lost update. At each of PostgreSQL's
three isolation levels, the scripts of this chapter try to cause all known anomalies. Adya's thesis
and the Hermitage tests define the anomalies and their names. The page `docs/isolation.md` shows
which anomalies occurred at which isolation level.
"""
