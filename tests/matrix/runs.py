"""Records of runs that never were, in files."""

import json
from pathlib import Path
from typing import Any

from orm_async_tests.matrix import records

STACK = {
    "python": "3.11.7",
    "sqlalchemy": "2.1.9",
    "driver": "asyncpg",
    "driver_version": "0.32.0",
    "pooler": "PgBouncer 1.18.0 transaction",
    "settings": {"jit": "on"},
    "packages": {"greenlet": "3.5.6"},
    "command": "orm-async-tests run",
}


def run_of(verdicts: dict[int, str], stack: str = "one", **identity: Any) -> list[records.Record]:
    """The records of a run of one stack with these verdicts."""
    results = [records.result(stack, number, word, "") for number, word in verdicts.items()]
    head = {"record": "header", "schema": records.SCHEMA, "stacks": {stack: {}}, "whole": False}
    named = {"record": "stack", "stack": stack, "identity": {**STACK, **identity}}
    return [{**head, "scripts": [*verdicts]}, named, *results, records.footer(len(results))]


def written(path: Path, found: list[records.Record]) -> str:
    """A file with these records."""
    path.write_text("".join(json.dumps(each) + "\n" for each in found))
    return str(path)
