"""The findings that an old code base has already, by test and kind."""

import json
from pathlib import Path

from orm_async_tests.errors import CouldNotRun

Known = dict[str, set[str]]  # kinds, by a test's id


def read(path: Path) -> Known:
    """What the file knows."""
    try:
        return {
            str(test): {str(kind) for kind in kinds}
            for test, kinds in json.loads(path.read_text("utf-8")).items()
        }
    except FileNotFoundError:
        what, remedy = "there is no baseline", "pytest ... --async-orm-baseline-write"
        raise CouldNotRun(what, str(path), remedy) from None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        remedy = "repair it, or write it anew: pytest ... --async-orm-baseline-write"
        raise CouldNotRun(f"the baseline cannot be read: {error}", str(path), remedy) from None


def write(path: Path, known: Known) -> None:
    """Write it in a stable order, for a small diff."""
    ordered = {test: sorted(kinds) for test, kinds in sorted(known.items()) if kinds}
    path.write_text(json.dumps(ordered, indent=2) + "\n", "utf-8")


def merged(known: Known, seen: Known) -> Known:
    """What was seen replaces what was known of the same tests; tests that did not run stay."""
    return {**known, **seen}


def gone(known: Known, seen: Known) -> list[tuple[str, str]]:
    """What was known of tests that ran, and did not happen again."""
    return [
        (test, kind)
        for test in sorted(seen)
        for kind in sorted(known.get(test, set()) - seen[test])
    ]
