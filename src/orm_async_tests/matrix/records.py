"""Writes and reads the result file of a matrix.

Every line is a JSON object in the form of docs/matrix.schema.json.
"""

import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orm_async_tests.errors import CouldNotRun, convert_os_errors
from orm_async_tests.matrix.json_forms import clean
from orm_async_tests.matrix.plans import Plan, hide_password
from orm_async_tests.verdicts import VERDICTS

SCHEMA = 2  # increase it with every incompatible change
PROBLEM = "the file does not contain the results of a matrix"
REMEDY = (
    "orm-async-tests matrix --output results.ndjson, or for results of `run`: "
    "orm-async-tests report old.json new.json --diff"
)
Record = dict[str, Any]
Verdicts = dict[tuple[str, int], str]  # by the stack's name and the script's number
DEFECT: Record = {"description": str, "versions": dict, "link": str}
FORMS: dict[str, Record] = {  # the fields that readers need, by record
    "header": {"schema": int, "stacks": dict, "scripts": [int], "whole": bool},
    "stack": {
        "stack": str,
        "identity": {"python": str, "sqlalchemy": str, "driver": str, "driver_version": str},
    },
    "result": {
        "stack": str,
        "number": int,
        "verdict": str,
        "reason": str,
        "seconds": float,
        "failed": list,
        "defects": [DEFECT],
    },
    "footer": {"results": int},
}


def header(
    plans: Sequence[Plan], numbers: Sequence[int], has_all_scripts: bool, command: Sequence[str]
) -> Record:
    return {
        "record": "header",
        "schema": SCHEMA,
        "command": [hide_password(word) for word in command],
        "commit": read_commit(),
        "stacks": {
            plan.name: {**asdict(plan), "server": hide_password(plan.server)} for plan in plans
        },
        "scripts": [*numbers],
        "whole": has_all_scripts,
    }


def read_commit() -> str:
    """Return the commit of the checkout, or "". A "+" marks uncommitted changes."""
    git = ("git", "-C", str(Path(__file__).parent))
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
        changes = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return head.stdout.strip() + "+" * bool(head.stdout and changes.stdout)


def result(stack: str, number: int, verdict: str, reason: str, **item: Any) -> Record:
    """Return the record of a result. See docs/result.schema.json for the keyword arguments."""
    return {
        "record": "result",
        "stack": stack,
        "number": number,
        "verdict": verdict,
        "reason": reason,
        "seconds": item.get("seconds", 0.0),
        "failed": [evidence for evidence in item.get("evidence", ()) if not evidence["holds"]],
        "defects": item.get("defects", []),
    }


def footer(results: int) -> Record:
    return {"record": "footer", "results": results}


def read(path: Path) -> list[Record]:
    """Return the records of a file, without the incomplete last line of a killed run."""
    with convert_os_errors(PROBLEM, path, REMEDY):
        lines = path.read_bytes().split(b"\n")[:-1]
    if not lines:
        raise _unreadable(path, "the file does not contain a complete line")
    records = [_read_line(path, number, line) for number, line in enumerate(lines, start=1)]
    if records[0]["record"] != "header":
        raise _unreadable(path, "the first line of the file must be a header")
    known = ("", *records[0]["stacks"])
    for number, record in enumerate(records[1:], start=2):
        if record["record"] == "header" or record.get("stack", "") not in known:
            problem = f"line {number} is a second header, or names a stack that the header does not"
            raise _unreadable(path, problem)
    return records


def _read_line(path: Path, number: int, line: bytes) -> Record:
    try:
        record: Any = json.loads(line.decode())
    except (ValueError, RecursionError):
        raise _unreadable(path, f"line {number} is not JSON in UTF-8") from None
    kind = record.get("record") if isinstance(record, dict) else None
    if not isinstance(kind, str) or kind not in FORMS:
        raise _unreadable(path, f"line {number} is not a record of a matrix")
    if kind == "header" and record.get("schema") != SCHEMA:
        raise _unreadable(path, f"the file has schema {record.get('schema')} instead of {SCHEMA}")
    problems = Counter[str]()
    clean(record, FORMS[kind], f"line {number}", problems)
    if kind == "result" and record.get("verdict") not in VERDICTS:
        problems[f"line {number} has an unknown verdict"] += 1
    if problem := next(iter(problems), ""):
        raise _unreadable(path, problem)
    return dict(record)


def _unreadable(path: Path, why: str) -> CouldNotRun:
    return CouldNotRun(f"{PROBLEM}: {why}", str(path), REMEDY)


def is_complete(records: Sequence[Record]) -> bool:
    return records[-1] == footer(sum(record["record"] == "result" for record in records))


def merge(runs: Sequence[Sequence[Record]]) -> list[Record]:
    """Merge the records of several runs into one run.

    Raise CouldNotRun if two runs contain the same stack.
    """
    stacks: dict[str, Any] = {}
    for head, *_ in runs:
        if twice := sorted(stacks.keys() & head["stacks"].keys()):
            raise CouldNotRun(
                f"two files contain results of the stack {twice[0]!r}",
                "the files",
                "run orm-async-tests matrix with --shard 1/2, and then with --shard 2/2",
            )
        stacks |= head["stacks"]
    scripts = sorted({number for head, *_ in runs for number in head["scripts"]})
    rest = [record for run in runs for record in run if record["record"] in ("stack", "result")]
    results = sum(record["record"] == "result" for record in rest)
    end = [footer(results)] if all(map(is_complete, runs)) else []
    has_all_scripts = all(head["whole"] for head, *_ in runs)
    head = {**runs[0][0], "stacks": stacks, "scripts": scripts, "whole": has_all_scripts}
    return [head, *rest, *end]


def identities(records: Iterable[Record]) -> dict[str, dict[str, str]]:
    return {
        record["stack"]: dict(_flatten(record["identity"], ""))
        for record in records
        if record["record"] == "stack"
    }


def _flatten(fields: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)


def verdicts(records: Iterable[Record]) -> Verdicts:
    return {
        (record["stack"], record["number"]): record["verdict"]
        for record in records
        if record["record"] == "result"
    }
