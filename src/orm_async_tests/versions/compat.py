"""docs/compat.json: what was found by running releases, in parts that are found one by one."""

import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

SCHEMA = 2  # raised when a reader would have to change
LIBRARIES = ("sqlalchemy", "asyncpg", "psycopg")
OLDEST = "2.0.24"  # of SQLAlchemy, and older than what is declared: locks are old
PARTS = ("claims", "defects")


def read(path: Path) -> dict[str, Any]:
    """The document."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def write(path: Path, part: str, rows: Sequence[Any]) -> None:
    """Replace one part, with a row on each line, and leave the other as it was found."""
    before = read(path)
    stack = {"python": platform.python_version(), **{each: version(each) for each in LIBRARIES}}
    found = {
        each: {"stack": stack, "rows": rows} if each == part else before[each] for each in PARTS
    }
    path.write_text(_text(found), "utf-8")


def _text(parts: dict[str, Any]) -> str:
    lines = [f'  "schema": {SCHEMA}']
    for name, part in parts.items():
        rows = ",\n".join(f"      {json.dumps(row)}" for row in part["rows"])
        stack = json.dumps(part["stack"])
        lines.append(f'  "{name}": {{\n    "stack": {stack},\n    "rows": [\n{rows}\n    ]\n  }}')
    return "{\n" + ",\n".join(lines) + "\n}\n"
