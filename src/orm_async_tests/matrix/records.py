"""The results of a matrix: lines of JSON, of which the last says that they are complete.

docs/matrix.schema.json describes each line.
"""

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.matrix.plans import Plan, without_password

SCHEMA = 2  # raised when a reader would have to change
Record = dict[str, Any]


def header(
    plans: Sequence[Plan], numbers: Sequence[int], whole: bool, command: Sequence[str]
) -> Record:
    """The first line: what is going to be run, by which command, of which commit.

    whole: these are all scripts.
    """
    return {
        "record": "header",
        "schema": SCHEMA,
        "command": [without_password(word) for word in command],
        "commit": commit(),
        "stacks": {
            plan.name: {**asdict(plan), "server": without_password(plan.server)} for plan in plans
        },
        "scripts": [*numbers],
        "whole": whole,
    }


def commit() -> str:
    """The commit of these scripts; "" outside of a checkout, with "+" if files have changed."""
    git = ("git", "-C", str(Path(__file__).parent))
    try:
        found = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
        changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return found.stdout.strip() + "+" * bool(found.stdout and changed.stdout)


def result(stack: str, number: int, verdict: str, reason: str) -> Record:
    """What became of one script on one stack."""
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
    """The last line: how many results there are."""
    return {"record": "footer", "results": results}


def read(path: Path) -> list[Record]:
    """The records of a file; a line that was cut off at its end is left out.

    Raises CouldNotRun if it is not such a file.
    """
    try:
        lines = path.read_text("utf-8").splitlines(keepends=True)
        records = [json.loads(line) for line in lines if line.endswith("\n")]
        right = records[0]["record"] == "header" and records[0]["schema"] == SCHEMA
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise _unreadable(path, str(error)) from None
    if not right:
        raise _unreadable(path, f"it does not begin with a header of schema {SCHEMA}")
    return records


def _unreadable(path: Path, why: str) -> CouldNotRun:
    return CouldNotRun(
        f"these are not the results of a matrix: {why}",
        str(path),
        "orm-async-tests matrix --output results.ndjson",
    )


def complete(records: Sequence[Record]) -> bool:
    """Whether the run that wrote them came to its end."""
    results = [each for each in records if each["record"] == "result"]
    return records[-1] == footer(len(results))


def merged(runs: Sequence[Sequence[Record]]) -> list[Record]:
    """The records of several runs, such as shards, as if they were one.

    Raises CouldNotRun if two of them ran the same stack.
    """
    stacks: dict[str, Any] = {}
    for head, *_ in runs:
        if twice := sorted(stacks.keys() & head["stacks"].keys()):
            what = f"two of these files ran the stack {twice[0]}"
            raise CouldNotRun(what, "the files", "orm-async-tests matrix --shard 1/2, then 2/2")
        stacks |= head["stacks"]
    scripts = sorted({number for head, *_ in runs for number in head["scripts"]})
    rest = [each for run in runs for each in run if each["record"] in ("stack", "result")]
    results = sum(each["record"] == "result" for each in rest)
    end = [footer(results)] if all(map(complete, runs)) else []
    whole = all(head["whole"] for head, *_ in runs)
    return [{**runs[0][0], "stacks": stacks, "scripts": scripts, "whole": whole}, *rest, *end]


def identities(records: Iterable[Record]) -> dict[str, dict[str, str]]:
    """What each stack ran on, every field by its name, such as postgresql or settings.jit."""
    return {
        each["stack"]: dict(_fields(each["identity"], ""))
        for each in records
        if each["record"] == "stack"
    }


def _fields(found: Mapping[str, Any], within: str) -> Iterator[tuple[str, str]]:
    for name, value in found.items():
        if isinstance(value, dict):
            yield from _fields(value, f"{within}{name}.")
        else:
            yield f"{within}{name}", value


def libraries(identity: Mapping[str, str]) -> dict[str, str]:
    """The versions of a stack, by the names that Upstream uses."""
    driver = {identity["driver"]: identity["driver_version"]}
    return {"python": identity["python"], "sqlalchemy": identity["sqlalchemy"], **driver}


def verdicts(records: Iterable[Record]) -> dict[tuple[str, int], str]:
    """The verdict of each script on each stack."""
    return {
        (each["stack"], each["number"]): each["verdict"]
        for each in records
        if each["record"] == "result"
    }
