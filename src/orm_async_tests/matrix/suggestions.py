"""Suggests an entry for an unexpected result: an `Upstream(...)` or an `Expected(...)`.

The suggestion comes from one run, so its versions and conditions are a start. Whoever adds it has
to find the cause first.
"""

import json
import re
from collections.abc import Mapping, Sequence

from orm_async_tests.matrix.records import Record, identities, libraries, verdicts
from orm_async_tests.verdicts import FAILING, HOLDS
from orm_async_tests.versions.defect_catalogue import upstream_entry
from orm_async_tests.versions.ranges import within

Identity = Mapping[str, str]
LIBRARIES = ("sqlalchemy", "driver_version", "python")  # fields that hold a library's version
LIKELY = ("driver", *LIBRARIES, "pooler", "postgresql", "loop", "database")  # the likeliest first
IGNORED = ("command",)  # names the stack, and cannot be a cause
WHAT, WHY, LINK = "<what goes wrong>", "<why>", "https://..."


def suggest_entry(failure: Record, records: Sequence[Record]) -> str:
    """Return an entry to paste for a failed result, or "" if none would help."""
    stacks = identities(records)
    if failure["verdict"] not in FAILING or failure["stack"] not in stacks:
        return ""
    identity = stacks[failure["stack"]]
    if outside := [defect for defect in failure["defects"] if _is_outside(defect, identity)]:
        return "\n".join(_widen(defect, identity) for defect in outside)
    words = verdicts(records)
    holding = [
        stack for name, stack in stacks.items() if words.get((name, failure["number"])) == HOLDS
    ]
    names = find_differences(identity, holding)
    versions = {_library(n, identity): f"=={identity[n]}" for n in names if n in LIBRARIES}
    conditions = {n: f"^{re.escape(identity[n])}$" for n in names if n not in LIBRARIES}
    if versions and not conditions.keys() - {"driver"}:
        return upstream_entry(WHAT, versions, LINK)
    return _format_expected(failure["number"], conditions, versions)


def find_differences(identity: Identity, others: Sequence[Identity]) -> list[str]:
    """Return a small set of fields by which a stack differs from all others.

    The choice is greedy: the next field is the one that excludes most of the remaining stacks.
    """
    likely = [name for name in LIKELY if name in identity]
    names = [*likely, *(name for name in identity if name not in (*likely, *IGNORED))]
    remaining, differences = list(others), list[str]()
    while remaining:
        best = max(
            names, key=lambda name: sum(other.get(name) != identity[name] for other in remaining)
        )
        equal = [other for other in remaining if other.get(best) == identity[best]]
        if len(equal) == len(remaining):
            break  # no field differs
        differences, remaining = [*differences, best], equal
    return differences or [*LIKELY[:3]]


def _library(field: str, identity: Identity) -> str:
    return identity["driver"] if field == "driver_version" else field


def _is_outside(defect: Record, identity: Identity) -> bool:
    """Return whether a stack has a version that the defect does not declare."""
    installed = libraries(identity)
    return not all(
        within(installed.get(name, "0"), ranges) for name, ranges in defect["versions"].items()
    )


def _widen(defect: Record, identity: Identity) -> str:
    """Return the defect's entry with this stack's versions added to its ranges."""
    installed = libraries(identity)
    versions = {
        name: ranges
        if within(installed.get(name, "0"), ranges)
        else f"{ranges} or =={installed[name]}"
        for name, ranges in defect["versions"].items()
    }
    return upstream_entry(defect["description"], versions, defect["link"])


def _format_expected(number: int, where: Identity, versions: Mapping[str, str]) -> str:
    lines = [f"    frozenset({{{number}}}),", f"    {json.dumps(dict(where))},", f'    "{WHY}",']
    lines += [f"    versions={json.dumps(dict(versions))},"] if versions else []
    return "\n".join(["Expected(", *lines, ")"])
