"""Writes and reads a matrix's result file. The file has one JSON object per line. The schema
docs/matrix.schema.json describes the lines.
"""

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.matrix.plans import Plan, hide_password
from orm_async_tests.verdicts import EVERY_WORD

SCHEMA = 2  # changes when a reader of the file has to change
Record = dict[str, Any]
Number = (int, float)
FIELDS: dict[str, dict[str, type | tuple[type, ...]]] = {  # what a reader relies on, by record
    "header": {"schema": int, "stacks": dict, "scripts": list, "whole": bool},
    "stack": {"stack": str, "identity": dict},
    "result": {
        "stack": str,
        "number": int,
        "verdict": str,
        "reason": str,
        "seconds": Number,
        "failed": list,
        "defects": list,
    },
    "footer": {"results": int},
}
IDENTITY = ("python", "sqlalchemy", "driver", "driver_version")  # what an identity must have


def header(
    plans: Sequence[Plan], numbers: Sequence[int], has_all_scripts: bool, command: Sequence[str]
) -> Record:
    """Return the first line of a result file: the run's stacks, scripts and command.

    `has_all_scripts` is true if the run has every script of the project.
    """
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
    """Return the commit of the scripts, with a "+" at the end if files have changed. Return "" if
    there is no Git checkout.
    """
    git = ("git", "-C", str(Path(__file__).parent))
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
        changes = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return head.stdout.strip() + "+" * bool(head.stdout and changes.stdout)


def result(stack: str, number: int, verdict: str, reason: str) -> Record:
    """Return the line of a result file about one script on one stack, without the evidence."""
    return {
        "record": "result",
        "stack": stack,
        "number": number,
        "verdict": verdict,
        "reason": reason,
        "seconds": 0.0,
        "failed": [],
        "defects": [],
    }


def footer(results: int) -> Record:
    """Return the last line of a result file."""
    return {"record": "footer", "results": results}


def read(path: Path) -> list[Record]:
    """Return the lines of a result file as dictionaries. Ignore the last line if it is cut off
    because the run was killed.

    Raise CouldNotRun if the file is not a result file. The error names the number of the wrong
    line.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    if not lines:
        raise _unreadable(path, "the file has no complete line")
    records = [_read_line(path, number, line) for number, line in enumerate(lines, start=1)]
    if records[0]["record"] != "header":
        raise _unreadable(path, "the first line of the file is not a header")
    known = ("", *records[0]["stacks"])
    for number, record in enumerate(records[1:], start=2):
        if record["record"] == "header" or record.get("stack", "") not in known:
            raise _unreadable(path, f"line {number} does not belong to the header")
    return records


def _read_line(path: Path, number: int, line: bytes) -> Record:
    try:
        record = json.loads(line.decode())
    except (ValueError, RecursionError):
        raise _unreadable(path, f"line {number} is not JSON in UTF-8") from None
    kind = record.get("record") if isinstance(record, dict) else None
    fields = FIELDS.get(kind) if isinstance(kind, str) else None
    if fields is None:
        raise _unreadable(path, f"line {number} is not a record of a matrix")
    if kind == "header" and record.get("schema") != SCHEMA:
        raise _unreadable(path, f"the file has schema {record.get('schema')}, expected {SCHEMA}")
    for name, expected in fields.items():
        if not isinstance(record.get(name), expected):
            raise _unreadable(path, f"line {number} has no valid field {name!r}")
    if problem := _find_problem(record):
        raise _unreadable(path, f"line {number} has {problem}")
    return dict(record)


def _find_problem(record: Record) -> str:
    """Return what is wrong with the fields of a line, or ""."""
    match record:
        case {"record": "header", "scripts": numbers}:
            if not all(type(number) is int for number in numbers):
                return "a script that is not a number"
        case {"record": "stack", "identity": identity}:
            missing = [name for name in IDENTITY if not isinstance(identity.get(name), str)]
            if missing:
                return f"no valid {missing[0]!r} in its identity"
        case {"record": "result", "verdict": verdict, "defects": defects}:
            if verdict not in EVERY_WORD:
                return f"an unknown verdict {verdict!r}"
            for defect in defects:
                match defect:
                    case {"description": str(), "link": str(), "versions": dict()}:
                        continue
                return "a defect without description, versions and link"
    return ""


def _unreadable(path: Path, why: str) -> CouldNotRun:
    return CouldNotRun(
        f"these are not the results of a matrix: {why}",
        str(path),
        "orm-async-tests matrix --output results.ndjson",
    )


def is_complete(records: Sequence[Record]) -> bool:
    """Return whether the run that wrote these lines reached its end."""
    results = [record for record in records if record["record"] == "result"]
    return records[-1] == footer(len(results))


def merge(runs: Sequence[Sequence[Record]]) -> list[Record]:
    """Merge the lines of several result files, for example from parts of a matrix, as if one run
    had written them.

    Raise CouldNotRun if two of the runs have the same stack.
    """
    stacks: dict[str, Any] = {}
    for head, *_ in runs:
        if twice := sorted(stacks.keys() & head["stacks"].keys()):
            problem = f"two of these files have the stack {twice[0]!r}"
            raise CouldNotRun(
                problem, "the files", "orm-async-tests matrix --shard 1/2, then --shard 2/2"
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
    """Return a description of each stack, with fields such as "postgresql" or "settings.jit"."""
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


def libraries(identity: Mapping[str, str]) -> dict[str, str]:
    """Return the library versions of a stack, by the names that `Upstream` uses."""
    driver = {identity["driver"]: identity["driver_version"]}
    return {"python": identity["python"], "sqlalchemy": identity["sqlalchemy"], **driver}


def verdicts(records: Iterable[Record]) -> dict[tuple[str, int], str]:
    """Return every verdict. The key is the stack and the script's number."""
    return {
        (record["stack"], record["number"]): record["verdict"]
        for record in records
        if record["record"] == "result"
    }
