"""The baseline, a file of known findings that do not fail the tests that have them."""

import json
import os
from pathlib import Path

from orm_async_tests.errors import CouldNotRun

Baseline = dict[str, set[str]]  # the kinds of findings, by the id of a test
OPTION = "--async-orm-baseline"
WRITE_OPTION = "--async-orm-baseline-write"
REWRITE = f"pytest ... {WRITE_OPTION}"


def read_baseline(path: Path) -> Baseline:
    """Return the known findings that the baseline file lists. Raise CouldNotRun if the file cannot
    be read.
    """
    try:
        return {
            str(test): {str(kind) for kind in kinds}
            for test, kinds in json.loads(path.read_text("utf-8")).items()
        }
    except FileNotFoundError:
        raise CouldNotRun("the baseline file does not exist", str(path), REWRITE) from None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        remedy = f"repair the file, or write it again: {REWRITE}"
        raise CouldNotRun(f"the baseline cannot be read: {error}", str(path), remedy) from None


def check_writable(path: Path) -> None:
    """Raise CouldNotRun now if the baseline cannot be written at the end of the run."""
    folder = path.absolute().parent
    if not folder.is_dir():
        problem = "the folder of the baseline does not exist"
    elif path.is_dir():
        problem = "the baseline is a folder"
    elif not os.access(path if path.exists() else folder, os.W_OK):
        problem = "the baseline cannot be written: permission denied"
    else:
        return
    raise CouldNotRun(problem, str(path), f"{OPTION} FILE, with a file that you can write")


def write_baseline(path: Path, findings: Baseline) -> None:
    """Write the baseline with its entries in a stable order, so that diffs stay small. Raises
    CouldNotRun.
    """
    ordered = {test: sorted(kinds) for test, kinds in sorted(findings.items()) if kinds}
    try:
        path.write_text(json.dumps(ordered, indent=2) + "\n", "utf-8")
    except OSError as error:
        problem = f"the baseline cannot be written: {error.strerror}"
        remedy = f"{OPTION} FILE, with a file that you can write"
        raise CouldNotRun(problem, str(path), remedy) from None


def merge(baseline: Baseline, current: Baseline) -> Baseline:
    """Return the baseline, with the findings of this run as the entries of the tests that ran."""
    return {**baseline, **current}


def find_cured(baseline: Baseline, current: Baseline) -> list[tuple[str, str]]:
    """Return the known findings that did not occur in this run, as pairs of a test and a kind."""
    return [
        (test, kind)
        for test in sorted(current)
        for kind in sorted(baseline.get(test, set()) - current[test])
    ]
