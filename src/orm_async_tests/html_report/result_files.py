"""Reads result files of `run`, `matrix`, `faults` and `bench`, even if parts are missing.

The HTML page lists the missing and malformed parts of the files. A file without any result is an
error.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orm_async_tests.errors import CouldNotRun, convert_os_errors
from orm_async_tests.faults import report
from orm_async_tests.harness.report import result
from orm_async_tests.matrix import records
from orm_async_tests.matrix.json_forms import clean
from orm_async_tests.matrix.records import DEFECT
from orm_async_tests.verdicts import NOT_RUN, VERDICTS

Document = dict[str, Any]
SCHEMAS = {"run": result.SCHEMA, "matrix": records.SCHEMA, "faults": report.SCHEMA}
COMPARED = ("python", "sqlalchemy", "driver", "driver_version", "postgresql", "loop", "pooler")
# matrix/json_forms.py explains these forms.
EVIDENCE: Document = {"assertion": str, "values": str, "holds": bool}
VARIANT: Document = {"name": str, "kind": str, "value": (str,), "error": (str,), "log": [str]}
VARIANT |= {"sql": [str], "sqlstates": [str], "round_trips": (int,), "events": ([dict],)}
VARIANT |= {"warnings": [str], "unhandled": [str]}
RESULT: Document = {"number": int, "verdict": str, "reason": str, "defects": [DEFECT]}
RUN: Document = {**RESULT, "evidence": [EVIDENCE], "variants": [VARIANT]}
RECORD: Document = {**RESULT, "stack": str, "failed": [EVIDENCE]}
CELL: Document = {"work": str, "fault": str, "verdicts": dict, "violations": [dict]}
PATTERN: Document = {"contender": str, "label": str, "mark": str, "ratio": dict, "verdict": str}
PATTERN |= {"round_trips": int}
BENCH: Document = {"workloads": [{"title": str, "patterns": [PATTERN]}]}
BENCH |= {"date": (str,), "machine": (str,)}
REMEDY = "orm-async-tests run --all --json > results.json"


@dataclass(frozen=True)
class Entry:
    word: str
    reason: str
    defects: Sequence[Document] = ()
    failed: Sequence[Document] = ()


@dataclass
class Results:
    """The combined contents of all result files."""

    stacks: dict[str, Mapping[str, str]] = field(default_factory=dict)  # names to identities
    entries: dict[tuple[str, int], Entry] = field(default_factory=dict)  # by stack and script
    details: dict[int, Document] = field(default_factory=dict)  # by script: a result with variants
    sweeps: list[Document] = field(default_factory=list)
    benches: list[Document] = field(default_factory=list)
    sources: list[tuple[str, str]] = field(default_factory=list)  # names and dates of the files
    commands: list[str] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)

    def words(self, number: int) -> list[str]:
        """Return a script's verdict on every stack, or "" where the script did not run."""
        entries = [self.entries.get((stack, number)) for stack in self.stacks]
        return [entry.word if entry else "" for entry in entries]

    def count(self) -> Counter[str]:
        return Counter(entry.word for entry in self.entries.values())

    def add(self, document: Document, source: str) -> bool:
        """Add the results in a document, and return whether its form is known."""
        if str(document.get("record")) in records.FORMS:
            self._add_record(document, source)
        elif "results" in document:
            self._check_schema(document, "run", source)
            self._add_run(document, source)
        elif "cells" in document:
            self._check_schema(document, "faults", source)
            form = {"stack": dict, "cells": [CELL]}
            sweep = clean(document, form, source, self.problems)
            self.sweeps.append({**sweep, "stack": _texts(sweep["stack"])})
        elif "workloads" in document:
            self.benches.append(clean(document, BENCH, source, self.problems))
        else:
            self.problems[f"{source}: a document is not a result of these commands"] += 1
            return False
        return True

    def _check_schema(self, document: Document, kind: str, source: str) -> None:
        schema = document.get("schema")
        if schema != SCHEMAS[kind]:
            shown = schema if isinstance(schema, int) else "no number"
            problem = f"the file has schema {shown}, this release writes {SCHEMAS[kind]}"
            self.problems[f"{source}: {problem}: parts may be missing"] += 1

    def _add_run(self, document: Document, source: str) -> None:
        identity = _texts(document.get("stack"))
        same = (name for name, other in self.stacks.items() if _is_same(identity, other))
        stack = next(same, name_stack(identity) if identity else source)
        self.stacks.setdefault(stack, identity)
        for item in clean(document.get("results"), [dict], f"{source}: results", self.problems):
            where = f"{source}: test{item.get('number')}"
            detail = clean(item, RUN, where, self.problems)
            detail["failed"] = [part for part in detail["evidence"] if not part["holds"]]
            self._add_entry(stack, detail, where)
            if detail["variants"] and detail["number"] not in self.details:
                self.details[detail["number"]] = {**detail, "stack": stack}

    def _add_record(self, record: Document, source: str) -> None:
        kind, stack = record["record"], record.get("stack")
        if kind == "header":
            self._check_schema(record, "matrix", source)
            form = {"stacks": dict, "command": ([str],)}
            header = clean(record, form, source, self.problems)
            for name in header["stacks"]:
                self.stacks.setdefault(name, {})
            if words := header["command"]:
                self.commands.append(" ".join(["orm-async-tests", *words]))
        elif kind == "stack" and isinstance(stack, str):
            self.stacks[stack] = _texts(record.get("identity"))
        elif kind == "result":
            where = f"{source}: test{record.get('number')}"
            detail = clean(record, RECORD, where, self.problems)
            self.stacks.setdefault(detail["stack"], {})
            self._add_entry(detail["stack"], detail, where)

    def _add_entry(self, stack: str, detail: Document, where: str) -> None:
        word = detail["verdict"]
        if word not in VERDICTS:
            self.problems[f"{where}: its verdict is unknown, so it counts as {NOT_RUN}"] += 1
            word = NOT_RUN
        entry = Entry(word, detail["reason"], detail["defects"], detail["failed"])
        self.entries[stack, detail["number"]] = entry


def read_results(paths: Iterable[Path]) -> Results:
    """Read result files. Raise CouldNotRun if a file cannot be read or has no result."""
    results = Results()
    for path in paths:
        documents = list(_read_documents(path, results.problems))
        known = [document for document in documents if results.add(document, path.name)]
        if not known:
            problem = "the file has no results of the commands `run`, `matrix`, `faults` or `bench`"
            raise CouldNotRun(problem, str(path), REMEDY)
        modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        results.sources.append((path.name, f"{modified:%Y-%m-%d %H:%M} UTC"))
        kinds = [document.get("record") for document in documents]
        if "header" in kinds and kinds[-1] != "footer":
            results.problems[f"{path.name}: the results are partial, the run was interrupted"] += 1
    return results


def _read_documents(path: Path, problems: Counter[str]) -> Iterator[Document]:
    with convert_os_errors("the file cannot be read", path, REMEDY):
        text = path.read_bytes().decode("utf-8", "replace")
    values = [_parse(text)]
    if values == [None]:
        values = [_parse(line) for line in text.split("\n") if line]
    for number, value in enumerate(values, start=1):
        if isinstance(value, dict):
            yield value
        else:
            problems[f"{path.name}: a line is not a JSON object (the first is line {number})"] += 1


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_same(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return bool(one) and all(one.get(name) == other.get(name) for name in COMPARED)


def name_stack(identity: Mapping[str, str]) -> str:
    get = identity.get
    parts = [
        f"{get('driver', 'unknown driver')} {get('driver_version', '')}".strip(),
        f"SQLAlchemy {get('sqlalchemy', 'unknown')}",
        f"Python {get('python', 'unknown')}",
        f"PostgreSQL {get('postgresql')}" if get("postgresql") else "",
        get("loop", "") if get("loop") != "asyncio" else "",
        get("pooler", ""),
    ]
    return ", ".join(filter(None, parts))


def _texts(value: Any) -> dict[str, str]:
    pairs = value.items() if isinstance(value, dict) else ()
    return {name: text for name, text in pairs if isinstance(text, str)}
