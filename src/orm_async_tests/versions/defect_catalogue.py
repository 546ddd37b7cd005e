"""Lists the known defects, and matches them with pinned versions.

The module parses the source of the scripts, and does not import SQLAlchemy.
"""

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orm_async_tests import catalogue
from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.verdicts import SEVERITIES, Severity
from orm_async_tests.versions.pins import Pin
from orm_async_tests.versions.ranges import first_version_after, within

SHARED = "orm_async_tests.harness.definitions.known_defects"  # what several scripts show
SHARED_FILE = Path(__file__).parent.parent / "harness/definitions/known_defects.py"
IMPORT = re.compile(rf"^from {re.escape(SHARED)} import (\(.*?\)|.*?)$", re.DOTALL | re.MULTILINE)
DEFINITION = re.compile(r"^(\w+) = Upstream(\(.*?\))$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class KnownDefect:
    """A defect, and the scripts that show it."""

    name: str  # of the constant, for example "CLOSE_HANGS" or "test27.DEFECT"
    description: str
    versions: Mapping[str, str]
    link: str
    severity: Severity
    scripts: tuple[ScriptFile, ...] = ()

    @property
    def commands(self) -> str:
        return ", ".join(script.command for script in self.scripts)

    @property
    def symptoms(self) -> tuple[str, ...]:
        known = [symptom for script in self.scripts for symptom in script.symptoms]
        return tuple(dict.fromkeys(symptom.description for symptom in known))


def load_known_defects() -> list[KnownDefect]:
    """Return all known defects, in the order of the scripts that show them."""
    definitions = _find_definitions(SHARED_FILE.read_text("utf-8"), SHARED_FILE)
    shared = {defect.name: defect for defect in definitions}
    defects: dict[str, KnownDefect] = {}
    for script in catalogue.read_scripts():
        names = re.findall(r"\w+", " ".join(IMPORT.findall(script.code)))
        shown = [shared[name] for name in names]
        for defect in _find_definitions(script.code, script.path):
            shown.append(replace(defect, name=f"{script.command}.{defect.name}"))
        for defect in shown:
            known = defects.get(defect.name, defect)
            defects[defect.name] = replace(known, scripts=(*known.scripts, script))
    return list(defects.values())


def _find_definitions(source: str, path: Path) -> Iterator[KnownDefect]:
    for name, arguments in DEFINITION.findall(source):
        try:
            defect = KnownDefect(name, *ast.literal_eval(arguments))
            if defect.severity not in SEVERITIES:
                raise ValueError(f"no severity {defect.severity!r}")
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}, {name}: {error}") from None
        yield defect


def upstream_entry(
    description: str,
    versions: Mapping[str, str],
    link: str,
    severity: str = f"<{', '.join(SEVERITIES)}>",
) -> str:
    """Return the code of an `Upstream(...)`, to paste into a script."""
    arguments = (description, dict(versions), link, severity)
    lines = (f"    {json.dumps(argument)}," for argument in arguments)
    return "\n".join(["Upstream(", *lines, ")"])


def join_versions(versions: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the versions of each library, for example {"sqlalchemy": "2.1.8, 2.1.9"}."""
    joined: dict[str, str] = {}
    for library, version in dict.fromkeys(versions):
        joined[library] = f"{joined[library]}, {version}" if library in joined else version
    return joined


@dataclass(frozen=True)
class AffectedPins:
    """A defect, the pinned versions that have it, and the first versions that fix it."""

    defect: KnownDefect
    pins: tuple[Pin, ...]
    fixed_in: tuple[tuple[str, str], ...]
    condition: str = ""  # a version that no pin names, for example "python <3.12"

    @property
    def versions(self) -> dict[str, str]:
        return join_versions((pin.library, pin.version) for pin in self.pins)

    @property
    def libraries(self) -> str:
        """The versions that have the defect, for example "sqlalchemy 2.1.4 with asyncpg 0.31.0"."""
        return " with ".join(f"{library} {versions}" for library, versions in self.versions.items())

    @property
    def fixed_by(self) -> str:
        """The versions that fix the defect, for example "sqlalchemy 2.1.5 or asyncpg 0.32"."""
        return " or ".join(f"{library} {version}" for library, version in self.fixed_in)


def match_defects(defects: Iterable[KnownDefect], pins: Sequence[Pin]) -> list[AffectedPins]:
    """Return the defects that affect these versions, the worst defect first."""
    affected = [match for defect in defects if (match := _match_defect(defect, pins))]
    return sorted(  # by severity, and defects with a fix first
        affected, key=lambda match: (SEVERITIES.index(match.defect.severity), not match.fixed_in)
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
    fixed_in = {
        (pin.library, end): None
        for pin in affected
        if (end := first_version_after(pin.library, pin.version, defect.versions[pin.library]))
    }
    return AffectedPins(defect, tuple(affected), tuple(fixed_in), " and ".join(conditions))
