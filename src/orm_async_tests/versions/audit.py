"""Which known defects hit a set of pinned versions, and what cures them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orm_async_tests.versions.known import Known
from orm_async_tests.versions.pins import Pin
from orm_async_tests.versions.ranges import end_of, within


@dataclass(frozen=True)
class Finding:
    """A defect, the pins that it hits, and the first version of each library that has it no more.

    condition: what the pins do not say and decides, such as "python <3.12".
    """

    defect: Known
    pins: tuple[Pin, ...]
    cures: tuple[tuple[str, str], ...]
    condition: str = ""


def findings(defects: Iterable[Known], pins: Sequence[Pin]) -> list[Finding]:
    """The defects that hit these versions, those with a cure first.

    Where a file does not say the Python, one that depends on it is found on that condition.
    """
    found = [each for defect in defects if (each := _finding(defect, pins))]
    return sorted(found, key=lambda each: not each.cures)


def _finding(defect: Known, pins: Sequence[Pin]) -> Finding | None:
    hit, conditions = list[Pin](), []
    for library, ranges in defect.versions.items():
        mine = [pin for pin in pins if pin.library == library and pin.version]
        inside = [pin for pin in mine if within(pin.version, ranges)]
        if library == "python" and not mine:
            conditions.append(f"{library} {ranges}")
        elif not inside:
            return None
        hit += inside
    ends = ((pin.library, _end(defect, pin)) for pin in hit)
    cures = tuple(dict.fromkeys((library, end) for library, end in ends if end))
    return Finding(defect, tuple(hit), cures, " and ".join(conditions))


def _end(defect: Known, pin: Pin) -> str | None:
    return end_of(pin.library, pin.version, defect.versions[pin.library])


def unknown(pins: Iterable[Pin]) -> list[str]:
    """The libraries that are named without a version."""
    return [pin.library for pin in pins if not pin.version]


def upgrades(found: Sequence[Finding]) -> list[tuple[str, str, int]]:
    """Of each library the version that cures the most, and how many of the findings it cures."""
    from packaging.version import Version

    highest: dict[str, list[str]] = {}
    for each in found:
        for library, version in each.cures:
            highest.setdefault(library, []).append(version)
    return [
        (library, max(versions, key=Version), len(versions))
        for library, versions in highest.items()
    ]
