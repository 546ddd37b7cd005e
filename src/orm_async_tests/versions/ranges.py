"""Handles version ranges, for example "<2.0.55 or >=2.1,<2.1.5"."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, zip_longest
from operator import itemgetter

# The oldest releases that the scripts were run on, and the first that they were not run on yet: a
# range that ends at the latter has no known end.
KNOWN_FROM = {"sqlalchemy": "2.0.24", "asyncpg": "0.30.0", "psycopg": "3.2.3"}
UNKNOWN_FROM = {"sqlalchemy": "2.2", "asyncpg": "0.33", "psycopg": "4"}


def within(version: str, ranges: str) -> bool:
    """Return whether one of these ranges contains the version."""
    return _find_range(version, ranges) is not None


def first_version_after(library: str, version: str, ranges: str) -> str | None:
    """Return the first version after the range that contains `version`, or None if no such version
    is known.
    """
    from packaging.specifiers import SpecifierSet

    specifiers = SpecifierSet(_find_range(version, ranges) or "")
    ends = [specifier.version for specifier in specifiers if specifier.operator == "<"]
    return next((end for end in ends if end != UNKNOWN_FROM.get(library)), None)


def describe_untested(library: str, version: str) -> str:
    """Return why the scripts were not run on a version, or "" if the scripts were run on it."""
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
    """Return whether a defect affects these library versions. For every library that the defect
    names, the installed version must be in the range.
    """
    return all(
        library in libraries and within(libraries[library], ranges)
        for library, ranges in versions.items()
    )


def format_ranges(lines: Sequence[Sequence[tuple[str, bool]]]) -> str:
    """Return the version ranges that show a defect.

    `lines` has a list for each minor version. The list has pairs of a version and whether the
    version has the defect, the oldest version first.
    """
    texts = []
    for first, last, end in _runs_of_shown(lines):
        if end:
            texts.append(f">={first},<{end}")
        else:
            texts.append(f"=={last}" if first == last else f">={first},<={last}")
    return " or ".join(texts)


def describe_ranges(lines: Sequence[Sequence[tuple[str, bool]]]) -> str:
    """Return a sentence that says which versions have a defect, and which versions cure it.

    An example is "2.1.3 and 2.1.4 have it, 2.1.5 cures it". `lines` has the same form as the
    parameter `lines` of `format_ranges()`.
    """
    from packaging.version import Version

    texts = []
    for first, last, end in _runs_of_shown(lines):
        shown = f"{first} has"
        if first != last:
            numbers = zip(Version(first).release, Version(last).release, strict=False)
            is_next = sorted(two - one for one, two in numbers)[-2:] == [0, 1]
            shown = f"{first} {'and' if is_next else 'to'} {last} have"
        cure = f"{end} cures it" if end else "no later one cures it"
        texts.append(f"{shown} it, {cure}")
    return "; ".join(texts) or "none of these releases has it"


def _runs_of_shown(
    lines: Sequence[Sequence[tuple[str, bool]]],
) -> Iterator[tuple[str, str, str]]:
    """For each series of versions with a defect, yield the first version, the last version, and the
    version after it or "".
    """
    for line in lines:
        runs = [[*run] for _, run in groupby(line, key=itemgetter(1))]
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
