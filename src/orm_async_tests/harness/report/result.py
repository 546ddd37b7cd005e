"""Writes results as JSON in the form of docs/result.schema.json."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orm_async_tests.harness.definitions.stack import Stack, packages
from orm_async_tests.harness.definitions.variants import Observation
from orm_async_tests.harness.report.judge import Verdict
from orm_async_tests.harness.report.phrasing import describe
from orm_async_tests.harness.script import Script
from orm_async_tests.timeline.event_list import group_by_line, to_json
from orm_async_tests.verdicts import BROKEN, SKIPPED

SCHEMA = 8  # increase it with every incompatible change
HOLDS_EXIT, BROKEN_EXIT, SKIPPED_EXIT = 0, 1, 77
# Fields of an observation that the document contains unchanged.
FIELDS = """kind sql log transaction_ids sqlstates peak_bytes leaked tasks warnings
    unhandled""".split()  # noqa: SIM905


@dataclass(frozen=True)
class Result:
    script: Script
    stack: Stack
    verdict: Verdict
    observations: dict[str, Observation]
    seconds: float


def exit_code(results: Sequence[Result]) -> int:
    """Return 1 if a script is BROKEN, 77 if all are SKIPPED, and otherwise 0."""
    words = {result.verdict.word for result in results}
    if BROKEN in words:
        return BROKEN_EXIT
    return SKIPPED_EXIT if words == {SKIPPED} else HOLDS_EXIT


def document(results: Sequence[Result]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "stack": {**asdict(results[0].stack), "packages": packages()},
        "results": [as_json(result) for result in results],
    }


def as_json(result: Result) -> dict[str, Any]:
    return {
        "number": result.script.number,
        "claim": result.script.claim,
        "verdict": result.verdict.word,
        "reason": result.verdict.reason,
        "defects": [asdict(defect) for defect in result.verdict.defects],
        "evidence": [asdict(evidence) for evidence in result.verdict.evidence],
        "seconds": round(result.seconds, 6),
        "variants": [
            _variant(name, observation) for name, observation in result.observations.items()
        ],
    }


def _variant(name: str, observation: Observation) -> dict[str, Any]:
    return {
        "name": name,
        **{field: getattr(observation, field) for field in FIELDS},
        "value": None if observation.value is None else repr(observation.value),
        "error": None if observation.error is None else describe(observation.error),
        "lines": group_by_line(observation.events),
        "events": to_json(observation.events, observation.log),
        "round_trips": observation.round_trips if observation.counted else None,
        "seconds": round(observation.seconds, 6),
        "seconds_to_first": round(observation.seconds_to_first, 6),
    }
