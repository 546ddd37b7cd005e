"""Isolation.

Concurrent transactions can cause anomalies, for example a lost update. At each of PostgreSQL's
three isolation levels, these scripts try to cause all known anomalies. Adya's thesis and the
Hermitage tests define the anomalies. The page `docs/isolation.md` shows the results.
"""
