"""Write audited defects as SARIF 2.1.0, which code hosts show beside the line of a lock file."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from orm_async_tests.verdicts import Severity
from orm_async_tests.versions.defect_catalogue import AffectedPins
from orm_async_tests.versions.pins import Pin

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
NAME = "orm-async-tests"
LEVELS: dict[Severity, str] = {
    "loses data": "error",
    "breaks the pool": "error",
    "wrong result": "warning",
    "wrong error": "note",
}


def sarif_document(affected: Sequence[AffectedPins]) -> dict[str, Any]:
    """Return one run, with a rule per defect and a result per affected pin."""
    rules = [_rule(match) for match in affected]
    results = [_result(match, pin) for match in affected for pin in match.pins]
    driver = {"name": NAME, "version": version(NAME), "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "utf16CodeUnits", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


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
    uri = pin.path.as_posix() if pin.path else ""
    location = {"artifactLocation": {"uri": uri}, "region": {"startLine": pin.line}}
    text = f"On {match.libraries}, {match.defect.description}. {_cure_sentence(match)}"
    return {
        "ruleId": match.defect.name,
        "level": LEVELS[match.defect.severity],
        "message": {"text": text},
        "locations": [{"physicalLocation": location}],
    }


def _cure_sentence(match: AffectedPins) -> str:
    return f"Cured by {match.cure}." if match.cure else "No release cures it yet."
