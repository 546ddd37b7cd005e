"""Writes the defects of an audit as SARIF, which code hosts show beside the line of a lock file."""

from collections.abc import Sequence
from typing import Any

from orm_async_tests import sarif
from orm_async_tests.verdicts import Severity
from orm_async_tests.versions.defect_catalogue import AffectedPins
from orm_async_tests.versions.pins import Pin

LEVELS: dict[Severity, str] = {
    "loses data": "error",
    "breaks the pool": "error",
    "wrong result": "warning",
    "wrong error": "note",
}


def sarif_document(affected: Sequence[AffectedPins]) -> dict[str, Any]:
    """Return a SARIF run with one rule for each defect and one result for each affected pin."""
    results = [_result(match, pin) for match in affected for pin in match.pins]
    return sarif.document(map(_rule, affected), results)


def _rule(match: AffectedPins) -> dict[str, Any]:
    defect = match.defect
    claims = "\n".join(f"{script.command}: {script.claim}" for script in defect.scripts)
    return {
        "id": defect.name,
        "shortDescription": {"text": defect.description},
        "fullDescription": {"text": claims},
        "help": {"text": f"{_cure_sentence(match)}\n{defect.link}"},
        "helpUri": defect.link,
        "defaultConfiguration": {"level": LEVELS[defect.severity]},
        "properties": {"severity": defect.severity},
    }


def _result(match: AffectedPins, pin: Pin) -> dict[str, Any]:
    text = f"On {match.libraries}, {match.defect.description}. {_cure_sentence(match)}"
    level = LEVELS[match.defect.severity]
    places = [sarif.location(pin.path, startLine=pin.line)]
    return sarif.result(match.defect.name, level, text, places)


def _cure_sentence(match: AffectedPins) -> str:
    return f"Cured by {match.cure}." if match.cure else "No release cures it yet."
