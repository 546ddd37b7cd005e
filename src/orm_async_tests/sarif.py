"""Builds documents in SARIF 2.1.0, a JSON format for findings."""

import os
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from orm_async_tests.extras import DISTRIBUTION

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def document(rules: Iterable[Any], results: Iterable[Any], **run: Any) -> dict[str, Any]:
    """Return a SARIF document with one run. Keyword arguments become properties of the run."""
    from importlib.metadata import version  # is slow to import, and other formats do not need it

    tool = {
        "driver": {"name": DISTRIBUTION, "version": version(DISTRIBUTION), "rules": list(rules)}
    }
    run = {"tool": tool, "columnKind": "unicodeCodePoints", "results": list(results), **run}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def result(code: str, level: str, text: str, locations: Sequence[Any]) -> dict[str, Any]:
    return {"ruleId": code, "level": level, "message": {"text": text}, "locations": locations}


def location(path: PurePath | None, **region: int) -> dict[str, Any]:
    """Return a SARIF location. Keyword arguments describe the region, for example `startLine=3`."""
    uri = quote(os.fsencode(path.as_posix())) if path else ""
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}
