"""Writing.

Inserting many rows, upserts, queues, locks and versions. The scripts show what is sent, which
writer waits, and whose change is lost when two writers meet.
"""
