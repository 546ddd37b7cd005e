"""Write docs/compat.json: the releases in which each known defect shows, found by running them.

python tools/compat.py    takes a quarter of an hour; each release is installed once and kept
"""

import json
import platform
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from orm_async_tests.postgres.paths import home
from orm_async_tests.versions.bisect import Runner
from orm_async_tests.versions.known import known_defects
from orm_async_tests.versions.releases import between
from orm_async_tests.versions.search import Search, row, search

COMPAT = Path(__file__).parent.parent / "docs/compat.json"
LIBRARIES = ("sqlalchemy", "asyncpg", "psycopg")
OLDEST = {"sqlalchemy": "2.0.36"}  # older than what is declared: locks are old
EVERY = {"sqlalchemy", "asyncpg"}  # of which each release is run: a defect may come and go


def main() -> int:
    """Run every script with a defect on the releases of the libraries that the defect names."""
    stack = {"python": platform.python_version(), **{each: version(each) for each in LIBRARIES}}
    rows = [row(found, defect) for found in searches() for defect in found.defects]
    rows.sort(key=lambda each: (each["defect"], each["script"], each["library"]))
    COMPAT.write_text(text(stack, rows), "utf-8")
    return 0


def searches() -> Iterator[Search]:
    """One for each script and each library that its defects name."""
    defects = known_defects()
    releases = {each: between(each, OLDEST.get(each), None) for each in LIBRARIES}
    wanted = {
        (entry.number, library, "psycopg" if "psycopg" in defect.versions else "asyncpg")
        for defect in defects
        for entry in defect.scripts
        for library in defect.versions
        if library in LIBRARIES
    }
    for number, library, driver in sorted(wanted):
        print(f"test{number} on {library}", file=sys.stderr)
        run = Runner(number, library, driver, home())
        also = releases[library] if library in EVERY else ()
        found = search(number, library, defects, releases[library], run, also)
        for release, each in found.outcomes.items():
            said = [each.why, *sorted(each.shown)]
            print(f"  {release:8} {each.word:8} {'; '.join(said)}", file=sys.stderr)
        yield found


def text(stack: Mapping[str, str], rows: list[dict[str, Any]]) -> str:
    """The document, with a row on each line."""
    body = ",\n".join(f"    {json.dumps(each)}" for each in rows)
    return f'{{\n  "schema": 1,\n  "stack": {json.dumps(stack)},\n  "defects": [\n{body}\n  ]\n}}\n'


if __name__ == "__main__":
    raise SystemExit(main())
