"""Isolation.

Concurrent transactions can cause anomalies, for example a lost update. The scripts about isolation
try to cause the anomalies that Adya's thesis and the Hermitage tests define, at each of
PostgreSQL's three isolation levels. The page `docs/isolation.md` shows which anomalies occurred at
each isolation level.
"""
