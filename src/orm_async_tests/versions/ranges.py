"""Ranges of versions, for example "<2.0.55 or >=2.1,<2.1.5"."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, zip_longest
from operator import itemgetter

# The oldest releases that the scripts were run on, and the first that they were not run on yet: a
# range that ends at the latter has no known end.
KNOWN_FROM = {"sqlalchemy": "2.0.24", "asyncpg": "0.30.0", "psycopg": "3.2.3"}
UNKNOWN_FROM = {"sqlalchemy": "2.2", "asyncpg": "0.33", "psycopg": "4"}


def within(version: str, ranges: str) -> bool:
    """Return whether a version is in one of these ranges."""
    return _find_range(version, ranges) is not None


def first_version_after(library: str, version: str, ranges: str) -> str | None:
    """Return the first version above the range that a version is in, or None if none is known."""
    from packaging.specifiers import SpecifierSet

    specifiers = SpecifierSet(_find_range(version, ranges) or "")
    ends = [specifier.version for specifier in specifiers if specifier.operator == "<"]
    return next((end for end in ends if end != UNKNOWN_FROM.get(library)), None)


def describe_untested(library: str, version: str) -> str:
    """Return why no script was run on a version, or "" if it is among the versions that were."""
    from packaging.version import Version

    if library not in KNOWN_FROM:
        return ""
    if Version(version).is_prerelease:
        return "the scripts were not run on pre-releases"
    if Version(version) < Version(KNOWN_FROM[library]):
        return f"the scripts were not run on releases before {KNOWN_FROM[library]}"
    if Version(version) >= Version(UNKNOWN_FROM[library]):
        return f"the scripts were not run on releases from {UNKNOWN_FROM[library]} on"
    return ""


def applies(versions: Mapping[str, str], libraries: Mapping[str, str]) -> bool:
    """Return whether every library of a defect is installed in a version that has the defect."""
    return all(
        library in libraries and within(libraries[library], ranges)
        for library, ranges in versions.items()
    )


def format_ranges(lines: Sequence[Sequence[tuple[str, bool]]]) -> str:
    """Return the ranges in which a defect shows.

    `lines` has, per minor line, every version in rising order and whether it has the defect.
    """
    return " or ".join(text for line in lines for text in _format_line(line))


def describe_ranges(lines: Sequence[Sequence[tuple[str, bool]]]) -> str:
    """Return which versions have a defect and which cure it, as a sentence.

    For example "2.1.3 and 2.1.4 have it, 2.1.5 cures it". `lines` has the form that
    format_ranges() takes.
    """
    texts = [text for line in lines for text in _describe_line(line)]
    return "; ".join(texts) or "none of these releases has it"


def _find_range(version: str, ranges: str) -> str | None:
    if not ranges:
        return ranges  # every version: most scripts say this, and need not wait for the import
    from packaging.specifiers import SpecifierSet

    for text in ranges.split(" or "):
        if SpecifierSet(text).contains(version, prereleases=True):
            return text
    return None


def _format_line(line: Sequence[tuple[str, bool]]) -> list[str]:
    texts, first = [], None
    for version, is_shown in line:
        if is_shown and first is None:
            first = version
        if first is not None and not is_shown:
            texts.append(f">={first},<{version}")
            first = None
    if first is not None:
        last = line[-1][0]
        texts.append(f"=={last}" if first == last else f">={first},<={last}")
    return texts


def _describe_line(line: Sequence[tuple[str, bool]]) -> Iterator[str]:
    runs = [[*run] for _, run in groupby(line, key=itemgetter(1))]
    for run, following in zip_longest(runs, runs[1:]):
        versions = [version for version, is_shown in run if is_shown]
        if versions:
            cure = f"{following[0][0]} cures it" if following else "no later one cures it"
            yield f"{_enumerate(versions[0], versions[-1])} it, {cure}"


def _enumerate(first: str, last: str) -> str:
    if first == last:
        return f"{first} has"
    return f"{first} {'and' if _is_next(first, last) else 'to'} {last} have"


def _is_next(first: str, last: str) -> bool:
    """Return whether two versions differ in one number only, and there by one."""
    from packaging.version import Version

    numbers = zip(Version(first).release, Version(last).release, strict=False)
    return sorted(two - one for one, two in numbers)[-2:] == [0, 1]
