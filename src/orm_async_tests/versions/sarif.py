"""Findings as SARIF 2.1.0, which code hosts show beside the line of the lock file."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from orm_async_tests.versions.audit import Finding
from orm_async_tests.versions.pins import Pin

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
NAME = "orm-async-tests"


def document(found: Sequence[Finding]) -> dict[str, Any]:
    """One run with a rule for each defect, and a result for each pin that has it."""
    driver = {"name": NAME, "version": version(NAME), "rules": [_rule(each) for each in found]}
    results = [_result(each, pin) for each in found for pin in each.pins]
    run = {"tool": {"driver": driver}, "columnKind": "utf16CodeUnits", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(found: Finding) -> dict[str, Any]:
    defect = found.defect
    claims = "\n".join(f"{each.command}: {each.claim}" for each in defect.scripts)
    return {
        "id": defect.name,
        "shortDescription": {"text": defect.what},
        "fullDescription": {"text": claims},
        "help": {"text": f"{cure(found)}\n{defect.link}"},
        "helpUri": defect.link,
        "defaultConfiguration": {"level": "warning"},
    }


def _result(found: Finding, pin: Pin) -> dict[str, Any]:
    on = " with ".join(f"{pin.library} {pin.version}" for pin in found.pins)
    uri = pin.path.as_posix() if pin.path else ""
    place = {"artifactLocation": {"uri": uri}, "region": {"startLine": pin.line}}
    return {
        "ruleId": found.defect.name,
        "level": "warning",
        "message": {"text": f"On {on}, {found.defect.what}. {cure(found)}"},
        "locations": [{"physicalLocation": place}],
    }


def cure(found: Finding) -> str:
    """What to upgrade to, in a sentence."""
    if not found.cures:
        return "No release without it is known."
    return f"Cured by {' or '.join(f'{library} {end}' for library, end in found.cures)}."
