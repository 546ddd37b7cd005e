"""The same calls as published.py, on ten connections that are open, as the others have them."""

from orm_async_tests.bench.contenders.journal.published import (
    batch,
    bulk,
    delete,
    dicts,
    get,
    large,
    partial,
    single,
    small,
    tuples,
    whole,
)
from orm_async_tests.bench.contenders.sqlalchemy import connected

__all__ = [
    "batch",
    "bulk",
    "connected",
    "delete",
    "dicts",
    "get",
    "large",
    "partial",
    "single",
    "small",
    "tuples",
    "whole",
]
