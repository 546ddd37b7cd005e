"""Read and write docs/compat.json: the outcomes of scripts on releases, in two parts."""

import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from orm_async_tests.versions.ranges import KNOWN_FROM

SCHEMA = 2  # raise it when a reader would have to change
LIBRARIES = tuple(KNOWN_FROM)
PARTS = ("claims", "defects")


def read_compat(path: Path) -> dict[str, Any]:
    """Return the document."""
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


def describe_stack() -> dict[str, str]:
    """Return the versions of Python and the libraries that are installed here."""
    versions = {library: version(library) for library in LIBRARIES}
    return {"python": platform.python_version(), **versions}


def write_part(path: Path, name: str, rows: Sequence[Any]) -> None:
    """Replace the rows of one part, and keep the other part."""
    parts = {part: read_compat(path)[part] for part in PARTS}
    parts[name] = {"stack": describe_stack(), "rows": rows}
    path.write_text(_format(parts), "utf-8")


def _format(parts: dict[str, Any]) -> str:
    """Return the document with one row per line."""
    lines = [f'  "schema": {SCHEMA}']
    for name, part in parts.items():
        rows = ",\n".join(f"      {json.dumps(row)}" for row in part["rows"])
        stack = json.dumps(part["stack"])
        lines.append(f'  "{name}": {{\n    "stack": {stack},\n    "rows": [\n{rows}\n    ]\n  }}')
    return "{\n" + ",\n".join(lines) + "\n}\n"
