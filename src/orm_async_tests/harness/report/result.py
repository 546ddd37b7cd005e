"""What a run found, as one JSON document (docs/result.schema.json describes it)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orm_async_tests.harness.definitions.observation import Observation
from orm_async_tests.harness.definitions.stack import Stack, packages
from orm_async_tests.harness.report.judge import BROKEN, SKIPPED, Verdict
from orm_async_tests.harness.report.phrasing import describe
from orm_async_tests.harness.script import Script

SCHEMA = 6  # raised when a reader of the documents would have to change
HOLDS_EXIT, BROKEN_EXIT, SKIPPED_EXIT = 0, 1, 77


@dataclass(frozen=True)
class Result:
    """One script on one stack."""

    script: Script
    stack: Stack
    verdict: Verdict
    seen: dict[str, Observation]
    seconds: float


def exit_code(results: Sequence[Result]) -> int:
    """1 if anything is broken, 77 if everything was skipped, else 0."""
    words = [result.verdict.word for result in results]
    if BROKEN in words:
        return BROKEN_EXIT
    return SKIPPED_EXIT if words and set(words) == {SKIPPED} else HOLDS_EXIT


def document(results: Sequence[Result]) -> dict[str, Any]:
    """The whole run, of at least one script on one stack, as JSON types."""
    return {
        "schema": SCHEMA,
        "stack": {**asdict(results[0].stack), "packages": packages()},
        "results": [as_json(each) for each in results],
    }


def as_json(result: Result) -> dict[str, Any]:
    return {
        "number": result.script.number,
        "claim": result.script.claim,
        "verdict": result.verdict.word,
        "reason": result.verdict.reason,
        "defects": [asdict(each) for each in result.verdict.defects],
        "evidence": [asdict(each) for each in result.verdict.evidence],
        "seconds": round(result.seconds, 6),
        "variants": [_variant(name, seen) for name, seen in result.seen.items()],
    }


def _variant(name: str, seen: Observation) -> dict[str, Any]:
    return {
        "name": name,
        "kind": seen.kind,
        "value": None if seen.value is None else repr(seen.value),
        "error": None if seen.error is None else describe(seen.error),
        "sql": seen.sql,
        "log": seen.log,
        "transaction_ids": seen.transaction_ids,
        "sqlstates": seen.sqlstates,
        "round_trips": seen.round_trips if seen.counted else None,
        "seconds": round(seen.seconds, 6),
        "seconds_to_first": round(seen.seconds_to_first, 6),
        "peak_bytes": seen.peak_bytes,
        "leaked": seen.leaked,
        "tasks": seen.tasks,
        "warnings": seen.warnings,
        "unhandled": seen.unhandled,
    }
