"""Testing.

A test needs a database that no other test changes, even if the tested code commits. Savepoints,
TRUNCATE and cloned databases all keep tests apart, at different costs. Tests that share an engine
must also share an event loop.
"""
