"""The subcommand `orm-async-tests audit`, which prints the known defects of libraries."""

import argparse
import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from packaging.version import Version

from orm_async_tests import github, sarif, terminal
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.verdicts import Severity
from orm_async_tests.versions import defect_catalogue, pins
from orm_async_tests.versions.defect_catalogue import (
    AffectedPins,
    KnownDefect,
    join_versions,
    match_defects,
)
from orm_async_tests.versions.pins import Pin
from orm_async_tests.versions.ranges import known_ends, within
from orm_async_tests.versions.releases import group_by_minor_version

AFFECTED = 1  # the exit code if a defect affects the versions
SCHEMA = 2  # of the JSON document; increase it with every incompatible change
LEVELS: dict[Severity, Literal["error", "warning", "note"]] = {  # of SARIF
    "loses data": "error",
    "breaks the pool": "error",
    "wrong result": "warning",
    "wrong error": "note",
}
NO_FIX = "no release yet"


@dataclass(frozen=True)
class AuditResult:
    """The result of an audit: library versions, and the known defects that affect them.

    With the option `--to`, the field `before` has the defects before the upgrade. The field
    `is_comparable` is false if a version before or after the upgrade is unknown.
    """

    source: str
    pins: Sequence[Pin]
    unknown: dict[str, str]
    affected: Sequence[AffectedPins]
    upgrade: dict[str, str]
    before: Sequence[AffectedPins]
    is_comparable: bool

    @property
    def versions(self) -> str:
        versions = (f"{pin.library} {pin.version}" for pin in self.pins if pin.version)
        return ", ".join(dict.fromkeys(versions))

    def is_added(self, defect: KnownDefect) -> bool:
        """Return whether the defect affects only the versions after the upgrade."""
        return self.is_comparable and defect.name in self.compare()[1]

    def compare(self) -> tuple[list[str], list[str]]:
        before = [match.defect.name for match in self.before]
        after = [match.defect.name for match in self.affected]
        fixed = [name for name in before if name not in after]
        return fixed, [name for name in after if name not in before]


def audit(arguments: argparse.Namespace) -> int:
    """Print the known defects of library versions, and return the exit code."""
    if arguments.github:
        github.require_summary()
    if arguments.sarif and arguments.file is None:
        problem = "a SARIF report needs a FILE, because each defect is reported at a line of it"
        raise CouldNotRun(problem, "the command line", "orm-async-tests audit poetry.lock --sarif")
    report = _create_report(arguments)
    if arguments.json or arguments.sarif:
        document = _build_document(report) if arguments.json else _build_sarif(report)
        print(json.dumps(document, indent=2))
    else:
        print("\n".join(_markdown_lines(report) if arguments.markdown else _text_lines(report)))
    if arguments.github:
        github.write(_annotate(report), "\n".join([*_markdown_lines(report), "", ""]))
    if report.unknown and not report.affected:  # an unknown version must not look like success
        first = next(iter(report.unknown)).split()[0]
        names = ", ".join(report.unknown)
        raise CouldNotRun(
            f"no known defect affects the other versions, but nothing is known about {names}",
            report.source,
            f"pin {first} to a release that the scripts were run on, or add --to {first}==VERSION",
        )
    return AFFECTED if report.affected else 0


def _create_report(arguments: argparse.Namespace) -> AuditResult:
    path = arguments.file
    present = pins.read_pins(path) if path else pins.installed_pins()
    releases = [pins.parse_release(text, "--to") for text in arguments.to]
    upgrade = dict(releases)
    if len(upgrade) < len(releases):
        remedy = "name each library once, for example --to sqlalchemy==2.1.9"
        raise CouldNotRun("the option names two releases of one library", "--to", remedy)
    upgraded = pins.upgrade_pins(present, upgrade, path)
    if path:
        pins.require_version(upgraded, path)
    defects, unknown = defect_catalogue.load_known_defects(), pins.find_unknown(upgraded)
    source = str(path or "this environment")
    if upgrade:
        names = " and ".join(f"{name} {version}" for name, version in releases)
        source = f"{source} upgraded to {names}"
    affected, before = match_defects(defects, upgraded), match_defects(defects, present)
    is_comparable = bool(upgrade) and not unknown and not pins.find_unknown(present)
    return AuditResult(source, upgraded, unknown, affected, upgrade, before, is_comparable)


def _annotate(report: AuditResult) -> Iterator[github.Annotation]:
    for match in report.affected:
        severity, fix = match.defect.severity, match.fixed_by or NO_FIX
        level: Literal["error", "warning"] = "error" if LEVELS[severity] == "error" else "warning"
        message = f"{match.defect.description}\nFixed by: {fix}\n{match.defect.link}"
        for pin in match.pins:
            title = f"{pin.library} {pin.version}: {severity}"
            path = github.relative_path(pin.path.absolute()) if pin.path else ""
            yield github.Annotation(level, title, message, path, pin.line if path else 0)


def _build_document(report: AuditResult) -> dict[str, Any]:
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "versions": join_versions((pin.library, pin.version) for pin in report.pins if pin.version),
        "unknown": report.unknown,
        "findings": [
            {
                "defect": match.defect.name,
                "severity": match.defect.severity,
                "description": match.defect.description,
                "versions": dict(match.defect.versions),
                "hits": match.versions,
                "condition": match.condition,
                "cured_by": join_versions(match.fixed_in),
                "shown_by": {script.command: script.claim for script in match.defect.scripts},
                "met_as": list(match.defect.symptoms),
                "link": match.defect.link,
            }
            for match in report.affected
        ],
    }
    if report.upgrade:
        document["upgrade"] = {"to": report.upgrade}
    if report.is_comparable:
        fixed, added = report.compare()
        document["upgrade"] |= {"cures": fixed, "adds": added}
    return document


def _build_sarif(report: AuditResult) -> dict[str, Any]:
    rules, results = [], []
    for match in report.affected:
        defect, level = match.defect, LEVELS[match.defect.severity]
        fix = (
            f"Fixed by {match.fixed_by}." if match.fixed_by else "No release fixes the defect yet."
        )
        claims = "\n".join(f"{script.command}: {script.claim}" for script in defect.scripts)
        rules.append(
            {
                "id": defect.name,
                "shortDescription": {"text": defect.description},
                "fullDescription": {"text": claims},
                "help": {"text": f"{fix}\n{defect.link}"},
                "helpUri": defect.link,
                "defaultConfiguration": {"level": level},
                "properties": {"severity": defect.severity},
            }
        )
        text = f"On {match.libraries}, {defect.description}. {fix}"
        for pin in match.pins:
            places = [sarif.location(pin.path, startLine=pin.line)]
            results.append(sarif.result(defect.name, level, text, places))
    return sarif.document(rules, results)


def _text_lines(report: AuditResult) -> Iterator[str]:
    yield f"{report.source}: {report.versions}"
    for name, reason in report.unknown.items():
        yield f"unknown: {name}: {reason}"
    for match in report.affected:
        rows = [
            ("severity", match.defect.severity),
            ("affects", match.libraries),
            ("only on", match.condition),
            ("added by", "the upgrade" if report.is_added(match.defect) else ""),
            ("fixed by", match.fixed_by or NO_FIX),
            ("shown by", match.defect.commands),
            *(("error", symptom) for symptom in match.defect.symptoms),
            ("link", match.defect.link),
        ]
        yield ""
        yield from textwrap.wrap(match.defect.description, terminal.WIDTH)
        yield from (f"  {name:8}  {text}" for name, text in rows if text)
    yield ""
    yield from _summary(report)


def _markdown_lines(report: AuditResult) -> Iterator[str]:
    yield from (f"## Known defects: {report.source}", "", report.versions, "")
    for name, reason in report.unknown.items():
        yield f"- **unknown**: {name}: {github.escape_cell(reason)}"
    if report.unknown:
        yield ""
    rows = [("Severity", "Defect", "Affects", "Fixed by", "Shown by")]
    for match in report.affected:
        description = f"[{github.escape_cell(match.defect.description)}]({match.defect.link})"
        affects = ", only on ".join(filter(None, (match.libraries, match.condition)))
        affects += ", added by the upgrade" * report.is_added(match.defect)
        fix = match.fixed_by or NO_FIX
        rows.append((match.defect.severity, description, affects, fix, match.defect.commands))
    if report.affected:
        yield from (*terminal.render_markdown(rows), "")
    yield from (line.strip() for line in _summary(report))


def _summary(report: AuditResult) -> Iterator[str]:
    total = len(report.affected)
    severities = Counter(match.defect.severity for match in report.affected)  # the worst first
    listed = ", ".join(f"{name} {count}" for name, count in severities.items())
    if total:
        yield f"{total} known defect{'s' if total > 1 else ''}: {listed}"
    elif report.unknown:
        yield "no verdict: a version is unknown"
    else:
        yield "no known defect affects these versions"
    for library in dict.fromkeys(name for match in report.affected for name, _ in match.fixed_in):
        for version, number in _count_fixes(report.affected, library):
            yield f"  {library} {version} fixes {number} of {total} defects"
    if report.is_comparable:
        fixed, added = report.compare()
        count = f"{len(fixed)} of {len(report.before)} defects"
        yield f"  the upgrade fixes {count}, and adds {len(added)}"


def _count_fixes(affected: Sequence[AffectedPins], library: str) -> Iterator[tuple[str, int]]:
    """Yield the version of each minor version that fixes most defects, with their number.

    Omit a minor version that fixes no more defects than an older one. A fixed defect does not
    affect the version, because a later version may have the defect again.
    """
    ranges = [match.defect.versions.get(library, "") for match in affected]
    pinned = (match.versions[library] for match in affected if library in match.versions)
    oldest, most = min(map(Version, ", ".join(pinned).split(", "))), 0
    ends = {end for text in ranges for end in known_ends(library, text) if Version(end) > oldest}
    for versions in group_by_minor_version(sorted(ends, key=Version)):
        counts = [sum(not within(version, text) for text in ranges) for version in versions]
        count, _, best = max(zip(counts, map(Version, versions), versions, strict=True))
        if count > most:
            yield best, count
        most = max(most, count)
