"""Writing.

Inserting many rows, upserts, queues, locks and versions. The scripts show which statements are
sent, which writer waits, and whose change is lost when two writers change the same row.
"""
