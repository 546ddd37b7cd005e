"""Testing.

A test needs a database that no other test changes, under code that commits. A savepoint, a
TRUNCATE or a clone gives it, at different prices.
"""
