"""Find the known defects that affect a set of pinned versions, and what cures them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orm_async_tests.versions.defect_catalogue import KnownDefect
from orm_async_tests.versions.pins import Pin
from orm_async_tests.versions.ranges import first_version_after, within
from orm_async_tests.versions.severities import SEVERITIES


@dataclass(frozen=True)
class AffectedPins:
    """A defect, the pins that have it, and the first version of every library without it.

    condition is what the pins do not say but the defect depends on, for example "python <3.12".
    """

    defect: KnownDefect
    pins: tuple[Pin, ...]
    cures: tuple[tuple[str, str], ...]
    condition: str = ""

    @property
    def libraries(self) -> str:
        """The affected versions, for example "sqlalchemy 2.1.4 with asyncpg 0.31.0"."""
        return " with ".join(f"{pin.library} {pin.version}" for pin in self.pins)

    @property
    def cure(self) -> str:
        """The versions that cure it, for example "sqlalchemy 2.1.5 or asyncpg 0.32", or ""."""
        return " or ".join(f"{library} {version}" for library, version in self.cures)


def match_defects(defects: Iterable[KnownDefect], pins: Sequence[Pin]) -> list[AffectedPins]:
    """Return the defects that affect these versions: the worst first, then those with a cure.

    If the pins do not include Python, a defect of some versions of Python is conditional on it.
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
    ends = ((pin.library, _first_cure(defect, pin)) for pin in affected)
    cures = tuple(dict.fromkeys((library, end) for library, end in ends if end))
    return AffectedPins(defect, tuple(affected), cures, " and ".join(conditions))


def _first_cure(defect: KnownDefect, pin: Pin) -> str | None:
    return first_version_after(pin.library, pin.version, defect.versions[pin.library])


def find_upgrades(affected: Sequence[AffectedPins]) -> list[tuple[str, str, int]]:
    """Return, for every library, the version that cures the most defects, and how many it cures."""
    from packaging.version import Version

    highest: dict[str, list[str]] = {}
    for match in affected:
        for library, version in match.cures:
            highest.setdefault(library, []).append(version)
    return [
        (library, max(versions, key=Version), len(versions))
        for library, versions in highest.items()
    ]


def count_by_severity(affected: Sequence[AffectedPins]) -> list[tuple[str, int]]:
    """Return every severity with the number of its defects, the worst first."""
    counts = Counter(match.defect.severity for match in affected)
    return [(severity, counts[severity]) for severity in SEVERITIES if counts[severity]]
