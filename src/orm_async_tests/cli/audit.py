"""The subcommand `orm-async-tests audit`, which prints known defects in the versions that a lock
file pins.
"""

import argparse
import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from orm_async_tests import github, terminal
from orm_async_tests.cli import add_command
from orm_async_tests.errors import CouldNotRun

if TYPE_CHECKING:
    from orm_async_tests.verdicts import Severity
    from orm_async_tests.versions.defect_catalogue import AffectedPins
    from orm_async_tests.versions.pins import Pin

WIDTH = 100
AFFECTED = 1  # the exit code if a defect affects the versions
SCHEMA = 2  # of the JSON document; raise it when a reader would have to change
LEVELS: dict["Severity", Literal["error", "warning", "note"]] = {  # of SARIF
    "loses data": "error",
    "breaks the pool": "error",
    "wrong result": "warning",
    "wrong error": "note",
}
NO_CURE = "no release yet"


def add(commands: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = add_command(
        commands, "audit", "list the known defects of the library versions that you use"
    )
    files = (
        "poetry.lock, uv.lock, pdm.lock, pylock.toml, Pipfile.lock or requirements.txt (default: "
        "the versions that are installed here)"
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help=files)
    upgraded = "list what is left after an upgrade, for example to sqlalchemy==2.1.9; repeatable"
    parser.add_argument("--to", action="append", default=[], metavar="NAME==VERSION", help=upgraded)
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--json", action="store_true", dest="as_json", help="print the result as a JSON document"
    )
    form.add_argument(
        "--markdown", action="store_true", help="print the result as a table in Markdown"
    )
    form.add_argument("--sarif", action="store_true", help="print SARIF 2.1.0")
    github.add_option(parser)
    parser.set_defaults(run=audit)


@dataclass(frozen=True)
class Report:
    """The known defects that affect a set of pinned versions. `before` has the defects before the
    upgrade that the option `--to` names.
    """

    source: str
    pins: "Sequence[Pin]"
    unknown: dict[str, str]
    affected: "Sequence[AffectedPins]"
    upgrade: dict[str, str]
    before: "Sequence[AffectedPins]"

    @property
    def title(self) -> str:
        releases = " and ".join(f"{name} {version}" for name, version in self.upgrade.items())
        return f"{self.source} upgraded to {releases}" if releases else self.source

    @property
    def versions(self) -> str:
        """The library versions, for example "asyncpg 0.31.0, sqlalchemy 2.1.4"."""
        return ", ".join(f"{pin.library} {pin.version}" for pin in self.pins if pin.version)

    def compare(self) -> tuple[list[str], list[str]]:
        """Return the names of the defects that an upgrade cures, and the names of the defects that
        it adds.
        """
        before = [match.defect.name for match in self.before]
        after = [match.defect.name for match in self.affected]
        cured = [name for name in before if name not in after]
        return cured, [name for name in after if name not in before]


def audit(arguments: argparse.Namespace) -> int:
    """Print the known defects of the pinned versions. Return 1 if a defect affects these versions,
    and otherwise 0.

    Raise CouldNotRun if a version is unknown and no defect affects the others, because the unknown
    version may have a defect.
    """
    if arguments.github:
        github.require_summary()
    if arguments.sarif and arguments.file is None:
        problem = "SARIF needs a file whose lines it can point to"
        raise CouldNotRun(problem, "the command line", "orm-async-tests audit poetry.lock --sarif")
    report = _create_report(arguments.file, arguments.to)
    if arguments.sarif:
        print(json.dumps(_build_sarif(report), indent=2))
    elif arguments.as_json:
        print(json.dumps(_build_document(report), indent=2))
    else:
        lines = _markdown_lines(report) if arguments.markdown else _text_lines(report)
        print("\n".join(lines))
    if arguments.github:
        github.write(_annotate(report), "\n".join([*_markdown_lines(report), "", ""]))
    if report.unknown and not report.affected:
        first = next(iter(report.unknown)).split()[0]
        names = ", ".join(report.unknown)
        raise CouldNotRun(
            f"no known defect affects the other versions, but nothing is known about {names}",
            report.source,
            f"pin {first} to a release that the scripts were run on, or add --to {first}==VERSION",
        )
    return AFFECTED if report.affected else 0


def _create_report(path: Path | None, releases: Sequence[str]) -> Report:
    from orm_async_tests.versions import pins
    from orm_async_tests.versions.defect_catalogue import load_known_defects, match_defects

    present = pins.read_pins(path) if path else pins.installed_pins()
    upgrade = dict(pins.parse_release(text, "--to") for text in releases)
    upgraded = pins.upgrade_pins(present, upgrade)
    if path:
        pins.require_version(upgraded, path)
    defects = load_known_defects()
    return Report(
        str(path or "this environment"),
        upgraded,
        pins.find_unknown(upgraded),
        match_defects(defects, upgraded),
        upgrade,
        match_defects(defects, present),
    )


def _annotate(report: Report) -> Iterator[github.Annotation]:
    """Yield an annotation for every line that pins a version with a defect."""
    for match in report.affected:
        is_error = LEVELS[match.defect.severity] == "error"
        cure = match.cure or NO_CURE
        message = f"{match.defect.description}\nCured by: {cure}\n{match.defect.link}"
        for pin in match.pins:
            title = f"{pin.library} {pin.version}: {match.defect.severity}"
            path = github.relative_path(pin.path.absolute()) if pin.path else ""
            level: Literal["error", "warning"] = "error" if is_error else "warning"
            yield github.Annotation(level, title, message, path, pin.line if path else 0)


def _build_document(report: Report) -> dict[str, Any]:
    """Return the document that `--json` prints."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "versions": {pin.library: pin.version for pin in report.pins if pin.version},
        "unknown": report.unknown,
        "findings": [
            {
                "defect": match.defect.name,
                "severity": match.defect.severity,
                "description": match.defect.description,
                "versions": dict(match.defect.versions),
                "hits": {pin.library: pin.version for pin in match.pins},
                "condition": match.condition,
                "cured_by": dict(match.cures),
                "shown_by": {script.command: script.claim for script in match.defect.scripts},
                "met_as": list(match.defect.symptoms),
                "link": match.defect.link,
            }
            for match in report.affected
        ],
    }
    if report.upgrade:
        cured, added = report.compare()
        document["upgrade"] = {"to": report.upgrade, "cures": cured, "adds": added}
    return document


def _build_sarif(report: Report) -> dict[str, Any]:
    """Return a SARIF run, with a rule for each defect, and a result for each affected version."""
    from orm_async_tests import sarif

    rules, results = [], []
    for match in report.affected:
        defect, level = match.defect, LEVELS[match.defect.severity]
        cure = f"Cured by {match.cure}." if match.cure else "No release cures it yet."
        claims = "\n".join(f"{script.command}: {script.claim}" for script in defect.scripts)
        rules.append(
            {
                "id": defect.name,
                "shortDescription": {"text": defect.description},
                "fullDescription": {"text": claims},
                "help": {"text": f"{cure}\n{defect.link}"},
                "helpUri": defect.link,
                "defaultConfiguration": {"level": level},
                "properties": {"severity": defect.severity},
            }
        )
        text = f"On {match.libraries}, {defect.description}. {cure}"
        for pin in match.pins:
            places = [sarif.location(pin.path, startLine=pin.line)]
            results.append(sarif.result(defect.name, level, text, places))
    return sarif.document(rules, results)


def _text_lines(report: Report) -> Iterator[str]:
    yield f"{report.title}: {report.versions}"
    for name, reason in report.unknown.items():
        yield f"unknown: {name}: {reason}"
    for match in report.affected:
        defect = match.defect
        rows = [
            ("severity", defect.severity),
            ("hits", match.libraries),
            ("only on", match.condition),
            ("cured by", match.cure or NO_CURE),
            ("shown by", ", ".join(script.command for script in defect.scripts)),
            *(("met as", symptom) for symptom in defect.symptoms),
            ("link", defect.link),
        ]
        yield ""
        yield from textwrap.wrap(defect.description, WIDTH)
        yield from (f"  {name:8}  {text}" for name, text in rows if text)
    yield ""
    yield from _summary(report)


def _markdown_lines(report: Report) -> Iterator[str]:
    yield from (f"## Known defects: {report.title}", "", report.versions, "")
    for name, reason in report.unknown.items():
        yield f"- **unknown**: {name}: {_escape(reason)}"
    if report.unknown:
        yield ""
    rows = [("Severity", "Defect", "Affected", "Cured by", "Shown by")]
    for match in report.affected:
        defect = match.defect
        only_on = f", only on {match.condition}" if match.condition else ""
        rows.append(
            (
                defect.severity,
                f"[{_escape(defect.description)}]({defect.link})",
                f"{match.libraries}{only_on}",
                match.cure or NO_CURE,
                ", ".join(script.command for script in defect.scripts),
            )
        )
    if report.affected:
        yield from (*terminal.render_markdown(rows), "")
    yield from (line.strip() for line in _summary(report))


def _escape(text: str) -> str:
    """Return a text without the characters that end a cell or a link in Markdown."""
    return re.sub(r"([\\|\[\]<>*])", r"\\\1", text)


def _summary(report: Report) -> Iterator[str]:
    from orm_async_tests.versions.defect_catalogue import count_by_severity, find_upgrades

    total = len(report.affected)
    counts = ", ".join(f"{name} {count}" for name, count in count_by_severity(report.affected))
    if total:
        yield f"{total} known defect{'s' if total > 1 else ''}: {counts}"
    elif report.unknown:
        yield "no verdict: a version is unknown"
    else:
        yield "no known defect affects these versions"
    for library, version, count in find_upgrades(report.affected):
        yield f"  {library} {version} cures {count} of {total}"
    if report.upgrade:
        cured, added = report.compare()
        yield f"  the upgrade cures {len(cured)} of {len(report.before)}, and adds {len(added)}"
