"""Testing.

A test must not see the rows that other tests wrote, even if the tested code commits. Savepoints,
TRUNCATE and cloned databases isolate tests from each other, but take different amounts of time.
Tests that share an engine must also share an event loop.
"""
