"""orm-async-tests audit: which known defects hit the versions of a lock file."""

import argparse
import json
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orm_async_tests.errors import CouldNotRun

if TYPE_CHECKING:
    from orm_async_tests.versions.audit import Finding
    from orm_async_tests.versions.pins import Pin

WIDTH = 100
HIT = 1  # the exit code


def add(commands: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = commands.add_parser("audit", help="known defects of the versions in a lock file")
    locks = "poetry.lock, uv.lock, pdm.lock, pylock.toml, requirements.txt; else what is installed"
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help=locks)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", dest="as_json", help="the findings as JSON")
    form.add_argument("--sarif", action="store_true", help="the findings as SARIF 2.1.0")
    parser.set_defaults(run=audit)


def audit(arguments: argparse.Namespace) -> int:
    """Print the defects that hit these versions; 1 if there are any."""
    from orm_async_tests.versions import known, pins, sarif
    from orm_async_tests.versions.audit import findings

    path = arguments.file
    if arguments.sarif and path is None:
        what = "SARIF needs a file whose lines it can point to"
        raise CouldNotRun(what, "the command line", "orm-async-tests audit poetry.lock --sarif")
    have = pins.read(path) if path else pins.installed()
    found = findings(known.known_defects(), have)
    if arguments.sarif:
        print(json.dumps(sarif.document(found), indent=2))
    elif arguments.as_json:
        print(json.dumps(_document(found, have), indent=2))
    else:
        print("\n".join(_told(found, have, str(path or "this environment"))))
    return HIT if found else 0


def _document(found: Sequence["Finding"], have: Sequence["Pin"]) -> dict[str, Any]:
    from orm_async_tests.versions.audit import unknown

    return {
        "schema": 1,
        "versions": {pin.library: pin.version for pin in have if pin.version},
        "unknown": unknown(have),
        "findings": [_item(each) for each in found],
    }


def _item(found: "Finding") -> dict[str, Any]:
    return {
        "defect": found.defect.name,
        "what": found.defect.what,
        "versions": dict(found.defect.versions),
        "hits": {pin.library: pin.version for pin in found.pins},
        "condition": found.condition,
        "cured_by": dict(found.cures),
        "shown_by": {each.command: each.claim for each in found.defect.scripts},
        "met_as": list(found.defect.met_as),
        "link": found.defect.link,
    }


def _told(found: Sequence["Finding"], have: Sequence["Pin"], where: str) -> Iterator[str]:
    from orm_async_tests.versions.audit import unknown, upgrades

    versions = [f"{pin.library} {pin.version}" for pin in have if pin.version]
    yield f"{where}: {', '.join(versions)}"
    if missing := unknown(have):
        yield f"not pinned, so nothing is known of them: {', '.join(missing)}"
    for each in found:
        yield ""
        yield from _block(each)
    yield ""
    if not found:
        yield "no known defect hits these versions"
        return
    yield f"{len(found)} known defect{'s' if len(found) > 1 else ''}"
    for library, version, count in upgrades(found):
        yield f"  {library} {version} cures {count} of {len(found)}"


def _block(found: "Finding") -> Iterator[str]:
    """One defect, as a small table."""
    defect = found.defect
    yield from textwrap.wrap(defect.what, WIDTH)
    rows = [("hits", " with ".join(f"{pin.library} {pin.version}" for pin in found.pins))]
    if found.condition:
        rows.append(("only on", found.condition))
    cures = " or ".join(f"{library} {version}" for library, version in found.cures)
    rows.append(("cured by", cures or "no release that is known"))
    rows.append(("shown by", ", ".join(each.command for each in defect.scripts)))
    rows += [("met as", each) for each in defect.met_as]
    rows += [("claim", defect.scripts[0].claim)] if not defect.met_as else []
    rows.append(("link", defect.link))
    for name, text in rows:
        yield f"  {name:8}  {text}"
