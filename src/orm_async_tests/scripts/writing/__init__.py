"""Writing.

Many rows, upserts, queues, locks and versions: what is sent, who waits, and whose change is lost
when two writers meet.
"""
