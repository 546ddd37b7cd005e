"""Handles ranges of versions, for example "<2.0.55 or >=2.1,<2.1.5"."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, zip_longest
from operator import itemgetter

# The oldest releases that the scripts were run on, and the first that they were not run on yet: a
# range that ends at the latter has no known end.
KNOWN_FROM = {"sqlalchemy": "2.0.24", "asyncpg": "0.30.0", "psycopg": "3.2.3"}
UNKNOWN_FROM = {"sqlalchemy": "2.2", "asyncpg": "0.33", "psycopg": "4"}


def within(version: str, ranges: str) -> bool:
    """Return whether one of the given ranges contains a version."""
    return _find_range(version, ranges) is not None


def first_version_after(library: str, version: str, ranges: str) -> str | None:
    """Return the first version after the range that contains a version, or None if no such version
    is known.
    """
    from packaging.specifiers import SpecifierSet

    specifiers = SpecifierSet(_find_range(version, ranges) or "")
    ends = [specifier.version for specifier in specifiers if specifier.operator == "<"]
    return next((end for end in ends if end != UNKNOWN_FROM.get(library)), None)


def describe_untested(library: str, version: str) -> str:
    """Return why we ran no script on a version, or "" if we ran scripts on it."""
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
    """Return whether a stack has the affected version of every library that the defect names."""
    return all(
        library in libraries and within(libraries[library], ranges)
        for library, ranges in versions.items()
    )


def format_ranges(lines: Sequence[Sequence[tuple[str, bool]]]) -> str:
    """Return the ranges of versions that show a defect.

    For each minor version, `lines` has all its versions, oldest first, each with a mark whether it
    has the defect.
    """
    return " or ".join(text for line in lines for text in _format_line(line))


def describe_ranges(lines: Sequence[Sequence[tuple[str, bool]]]) -> str:
    """Return a sentence that says which versions have a defect, and which versions cure it.

    An example of the sentence is "2.1.3 and 2.1.4 have it, 2.1.5 cures it". `lines` has the same
    form as the argument `lines` of format_ranges().
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
    from packaging.version import Version

    runs = [[*run] for _, run in groupby(line, key=itemgetter(1))]
    for run, following in zip_longest(runs, runs[1:]):
        if not run[0][1]:
            continue
        first, last = run[0][0], run[-1][0]
        shown = f"{first} has"
        if first != last:
            numbers = zip(Version(first).release, Version(last).release, strict=False)
            is_next = sorted(two - one for one, two in numbers)[-2:] == [0, 1]
            shown = f"{first} {'and' if is_next else 'to'} {last} have"
        cure = f"{following[0][0]} cures it" if following else "no later one cures it"
        yield f"{shown} it, {cure}"
