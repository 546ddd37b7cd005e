"""The options of a pool, for the evaluation files."""

from sqlalchemy.pool import QueuePool as ThreadedPool

QUEUE_OPTIONS = {"poolclass": ThreadedPool, "pool_size": 4}
