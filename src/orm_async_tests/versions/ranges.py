"""Ranges of versions, such as "<2.0.55 or >=2.1,<2.1.5"."""

from collections.abc import Mapping, Sequence

# The first versions of which nothing is known yet: a range that ends there has no known end.
UNKNOWN_FROM = {"sqlalchemy": "2.2", "asyncpg": "0.33", "psycopg": "4"}


def within(version: str, ranges: str) -> bool:
    """Whether a version is in one of these ranges."""
    return _which(version, ranges) is not None


def end_of(library: str, version: str, ranges: str) -> str | None:
    """The first version above the range that a version lies in, or None if none is known."""
    from packaging.specifiers import SpecifierSet

    found = _which(version, ranges)
    ends = [each.version for each in SpecifierSet(found or "") if each.operator == "<"]
    return next((end for end in ends if end != UNKNOWN_FROM.get(library)), None)


def applies(versions: Mapping[str, str], libraries: Mapping[str, str]) -> bool:
    """Whether each library of a defect is there, in a version that has it."""
    return all(
        library in libraries and within(libraries[library], ranges)
        for library, ranges in versions.items()
    )


def as_ranges(lines: Sequence[Sequence[tuple[str, bool]]]) -> str:
    """The ranges in which a defect shows, from each version of each line in rising order."""
    return " or ".join(each for line in lines for each in _of_line(line))


def _which(version: str, ranges: str) -> str | None:
    if not ranges:
        return ranges  # every version: most scripts say this, and need not wait for the import
    from packaging.specifiers import SpecifierSet

    for each in ranges.split(" or "):
        if SpecifierSet(each).contains(version, prereleases=True):
            return each
    return None


def _of_line(line: Sequence[tuple[str, bool]]) -> list[str]:
    found, first = [], None
    for version, shown in line:
        if shown and first is None:
            first = version
        if first is not None and not shown:
            found.append(f">={first},<{version}")
            first = None
    if first is not None:
        last = line[-1][0]
        found.append(f"=={last}" if first == last else f">={first},<={last}")
    return found
