"""Isolation.

The anomalies of Adya and Hermitage, each run at the three isolation levels that PostgreSQL has. A
schedule is written once, and `docs/isolation.md` has the table of the observed results.
"""
