"""Replication.

A hot standby shows what the primary committed a moment ago, and only reads. Which server a
statement meets, what it may ask there, and what is left when the primary dies has to be decided
by the program: neither SQLAlchemy nor the driver does it alone.
"""
