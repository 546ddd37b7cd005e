"""Lists the defects that scripts show, and finds the defects that affect pinned versions.

Reads the defects from the scripts' source text, so that SQLAlchemy is not imported.
"""

import ast
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from packaging.version import Version

from orm_async_tests import catalogue
from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.verdicts import SEVERITIES, Severity
from orm_async_tests.versions.pins import Pin
from orm_async_tests.versions.ranges import first_version_after, within

CLASS = "Upstream"  # the class of a defect
SHARED = "orm_async_tests.harness.definitions.known_defects"  # what several scripts show
SHARED_FILE = Path(__file__).parent.parent / "harness/definitions/known_defects.py"


@dataclass(frozen=True)
class KnownDefect:
    """A defect, and the scripts that show it.

    `name` is the name of the constant that defines the defect. If only one script uses the
    constant, `name` begins with the script's name.
    """

    name: str
    description: str
    versions: Mapping[str, str]
    link: str
    severity: Severity
    scripts: tuple[ScriptFile, ...] = ()

    @cached_property
    def symptoms(self) -> tuple[str, ...]:
        """The symptoms of all scripts that show the defect."""
        lines = [symptom.line for script in self.scripts for symptom in script.symptoms]
        return tuple(dict.fromkeys(lines))


def load_known_defects() -> list[KnownDefect]:
    """Return every defect, ordered by the number of the first script that shows it."""
    shared = {
        defect.name: defect
        for defect in _find_definitions(ast.parse(SHARED_FILE.read_text("utf-8")), SHARED_FILE)
    }
    defects: dict[str, KnownDefect] = {}
    for script in catalogue.read_scripts():
        text = script.path.read_text("utf-8")
        if CLASS not in text and SHARED not in text:
            continue  # most scripts: parsing them would take most of the time
        tree = ast.parse(text)
        shown = [
            shared[alias.name]
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module == SHARED
            for alias in node.names
        ]
        for defect in _find_definitions(tree, script.path):
            shown.append(replace(defect, name=f"{script.command}.{defect.name}"))
        for defect in shown:
            known = defects.get(defect.name, defect)
            defects[defect.name] = replace(known, scripts=(*known.scripts, script))
    return list(defects.values())


def _find_definitions(tree: ast.Module, path: Path) -> Iterator[KnownDefect]:
    """Yield the defects that a module defines in constants. Raise ValueError if the arguments of an
    `Upstream(...)` are not literals.
    """
    for node in tree.body:
        match node:
            case ast.Assign(
                targets=[ast.Name(name)], value=ast.Call(func=ast.Name(function)) as call
            ) if function == CLASS:
                try:
                    defect = KnownDefect(name, *map(ast.literal_eval, call.args))
                except (TypeError, ValueError) as error:
                    raise ValueError(f"{path}, {name}: {error}") from None
                if defect.severity not in SEVERITIES:
                    raise ValueError(f"{path}, {name}: no severity {defect.severity!r}")
                yield defect
            case _:
                pass


def upstream_entry(
    description: str,
    versions: Mapping[str, str],
    link: str,
    severity: str = f"<{', '.join(SEVERITIES)}>",
) -> str:
    """Return the text of an `Upstream(...)` for a user to paste into a script."""
    arguments = (description, dict(versions), link, severity)
    lines = (f"    {json.dumps(argument)}," for argument in arguments)
    return "\n".join([f"{CLASS}(", *lines, ")"])


@dataclass(frozen=True)
class AffectedPins:
    """A defect, the pinned versions that have it, and each library's first version that cures it.
    `condition` names a version that is not pinned, but on which the defect depends, for example
    "python <3.12".
    """

    defect: KnownDefect
    pins: tuple[Pin, ...]
    cures: tuple[tuple[str, str], ...]
    condition: str = ""

    @property
    def libraries(self) -> str:
        """The versions that have the defect, for example "sqlalchemy 2.1.4 with asyncpg 0.31.0"."""
        return " with ".join(f"{pin.library} {pin.version}" for pin in self.pins)

    @property
    def cure(self) -> str:
        """The versions that cure the defect, for example "sqlalchemy 2.1.5 or asyncpg 0.32". The
        text is "" if no version cures it.
        """
        return " or ".join(f"{library} {version}" for library, version in self.cures)


def match_defects(defects: Iterable[KnownDefect], pins: Sequence[Pin]) -> list[AffectedPins]:
    """Return the defects that affect these versions, the worst defect first. If two defects are
    equally bad, a defect with a cure comes first.

    If Python is not pinned, a defect that exists only on some Python versions gets a condition.
    """
    affected = [match for defect in defects if (match := _match_defect(defect, pins))]
    return sorted(
        affected, key=lambda match: (SEVERITIES.index(match.defect.severity), not match.cures)
    )


def _match_defect(defect: KnownDefect, pins: Sequence[Pin]) -> AffectedPins | None:
    affected, conditions = list[Pin](), []
    for library, ranges in defect.versions.items():
        versions = [pin for pin in pins if pin.library == library and pin.version]
        inside = [pin for pin in versions if within(pin.version, ranges)]
        if library == "python" and not versions:
            conditions.append(f"{library} {ranges}")
        elif not inside:
            return None
        affected += inside
    cures = {
        (pin.library, end): None
        for pin in affected
        if (end := first_version_after(pin.library, pin.version, defect.versions[pin.library]))
    }
    return AffectedPins(defect, tuple(affected), tuple(cures), " and ".join(conditions))


def find_upgrades(affected: Sequence[AffectedPins]) -> list[tuple[str, str, int]]:
    """Return each library, its version that cures the most defects, and the number of these
    defects.
    """
    highest: dict[str, list[str]] = {}
    for match in affected:
        for library, version in match.cures:
            highest.setdefault(library, []).append(version)
    return [
        (library, max(versions, key=Version), len(versions))
        for library, versions in highest.items()
    ]


def count_by_severity(affected: Sequence[AffectedPins]) -> list[tuple[str, int]]:
    """Return each severity and its number of defects, the worst severity first."""
    counts = Counter(match.defect.severity for match in affected)
    return [(severity, counts[severity]) for severity in SEVERITIES if counts[severity]]
