"""Handles version ranges, for example "<2.0.55 or >=2.1,<2.1.5"."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, zip_longest
from operator import itemgetter

# The scripts were run on the releases from KNOWN_FROM up to UNKNOWN_FROM. A version range that ends
# at UNKNOWN_FROM has no known end.
KNOWN_FROM = {"sqlalchemy": "2.0.24", "asyncpg": "0.30.0", "psycopg": "3.2.3"}
UNKNOWN_FROM = {"sqlalchemy": "2.2", "asyncpg": "0.33", "psycopg": "4"}


def within(version: str, ranges: str) -> bool:
    return _find_range(version, ranges) is not None


def first_version_after(library: str, version: str, ranges: str) -> str | None:
    """Return the end of the range around `version`, or None if the end is unknown."""
    return next(known_ends(library, _find_range(version, ranges) or ""), None)


def known_ends(library: str, ranges: str) -> Iterator[str]:
    """Yield the versions with which ranges end, but not the ends that are unknown."""
    from packaging.specifiers import SpecifierSet

    for text in ranges.split(" or "):
        for specifier in SpecifierSet(text):
            if specifier.operator == "<" and specifier.version != UNKNOWN_FROM.get(library):
                yield specifier.version


def describe_untested(library: str, version: str) -> str:
    """Return why a version is untested, or "" if the scripts were run on it."""
    from packaging.version import Version

    first, end = KNOWN_FROM.get(library, "0"), UNKNOWN_FROM.get(library)
    others = ""
    if end and Version(version).is_prerelease:
        others = "pre-releases"
    elif Version(version) < Version(first):
        others = f"releases before {first}"
    elif end and Version(version) >= Version(end):
        others = f"releases from {end} on"
    return f"the scripts were not run on {others}" if others else ""


def applies(versions: Mapping[str, str], libraries: Mapping[str, str]) -> bool:
    """Return whether the versions of `libraries` are in all ranges of a defect."""
    return all(
        library in libraries and within(libraries[library], ranges)
        for library, ranges in versions.items()
    )


MinorVersions = Sequence[Sequence[tuple[str, bool]]]
"""The releases of each minor version, oldest first, and whether each release has a defect."""


def format_ranges(minor_versions: MinorVersions) -> str:
    """Return the ranges of affected versions, for example ">=2.0.9,<2.0.55 or ==2.1.1"."""
    texts = []
    for first, last, end in _runs_of_shown(minor_versions):
        closed = f"=={last}" if first == last else f">={first},<={last}"
        texts.append(f">={first},<{end}" if end else closed)
    return " or ".join(texts)


def describe_ranges(minor_versions: MinorVersions) -> str:
    """Return a sentence such as "2.1.3 and 2.1.4 have the defect, 2.1.5 fixes the defect"."""
    from packaging.version import Version

    texts = []
    for first, last, end in _runs_of_shown(minor_versions):
        shown = f"{first} has"
        if first != last:
            numbers = zip(Version(first).release, Version(last).release, strict=False)
            is_next = sorted(later - earlier for earlier, later in numbers)[-2:] == [0, 1]
            shown = f"{first} {'and' if is_next else 'to'} {last} have"
        cure = f"{end} fixes the defect" if end else "none of these releases fixes the defect"
        texts.append(f"{shown} the defect, {cure}")
    if not any(minor_versions):
        return "no release gave a result"
    return "; ".join(texts) or "none of these releases has the defect"


def _runs_of_shown(minor_versions: MinorVersions) -> Iterator[tuple[str, str, str]]:
    """Yield the first, the last and the fixed version for each series of affected releases.

    The fixed version is "" if no release fixes the defect.
    """
    for releases in minor_versions:
        runs = [[*run] for _, run in groupby(releases, key=itemgetter(1))]
        for run, following in zip_longest(runs, runs[1:], fillvalue=[("", False)]):
            if run[0][1]:
                yield run[0][0], run[-1][0], following[0][0]


def _find_range(version: str, ranges: str) -> str | None:
    if not ranges:
        return ranges  # every version: most scripts say this, and need not wait for the import
    from packaging.specifiers import SpecifierSet

    for text in ranges.split(" or "):
        if SpecifierSet(text).contains(version, prereleases=True):
            return text
    return None
