"""Isolation.

The anomalies of Adya and Hermitage, each run at the three levels that PostgreSQL has. A
schedule is written once; `docs/isolation.md` has the table of what really happened.
"""
