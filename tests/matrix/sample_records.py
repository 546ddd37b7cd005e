"""Makes records of runs, and files with these records, without running scripts."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orm_async_tests.matrix import records

IDENTITY = {
    "python": "3.11.7",
    "sqlalchemy": "2.1.9",
    "driver": "asyncpg",
    "driver_version": "0.32.0",
    "pooler": "PgBouncer 1.18.0 transaction",
    "settings": {"jit": "on"},
    "packages": {"greenlet": "3.5.6"},
    "command": "orm-async-tests run",
}


def make_records(
    verdicts: Mapping[int, str], stack: str = "one", **identity: Any
) -> list[records.Record]:
    """Return the records of a run of one stack with these verdicts."""
    results = [records.result(stack, number, word, "") for number, word in verdicts.items()]
    head = {"record": "header", "schema": records.SCHEMA, "stacks": {stack: {}}, "whole": False}
    named = {"record": "stack", "stack": stack, "identity": {**IDENTITY, **identity}}
    return [{**head, "scripts": [*verdicts]}, named, *results, records.footer(len(results))]


def write_records(path: Path, run: Sequence[records.Record]) -> str:
    """Write records to a file and return its path."""
    path.write_text("".join(json.dumps(record) + "\n" for record in run), "utf-8")
    return str(path)
