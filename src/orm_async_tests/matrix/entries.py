"""What to write down for a result that nobody expected: an `Upstream(...)` or an `Expected(...)`.

A proposal: the versions and the conditions are those of one run, and the cause is not known yet.
"""

import json
import re
from collections.abc import Mapping, Sequence

from orm_async_tests.matrix.records import Record, identities, libraries, verdicts
from orm_async_tests.verdicts import FAILING, HOLDS
from orm_async_tests.versions.defect_catalogue import upstream_entry
from orm_async_tests.versions.ranges import within

LIBRARY = ("sqlalchemy", "driver_version", "python")  # fields that have a library's version
ORDER = ("driver", *LIBRARY, "pooler", "postgresql", "loop", "database")  # the likeliest first
SAME_EVERYWHERE = ("command",)  # it names the stack, and is no cause
WHAT, WHY, LINK = "<what goes wrong>", "<why>", "https://..."


def entry(found: Record, records: Sequence[Record]) -> str:
    """The entry to paste for an unexpected result; "" where none would help."""
    stacks = identities(records)
    if found["verdict"] not in FAILING or found["stack"] not in stacks:
        return ""
    mine = stacks[found["stack"]]
    if outside := [each for each in found["defects"] if _is_outside(each, mine)]:
        return "\n".join(_wider(each, mine) for each in outside)
    there = verdicts(records)
    holding = [
        each for stack, each in stacks.items() if there.get((stack, found["number"])) == HOLDS
    ]
    names = distinguishing(mine, holding)
    versions = {_library(name, mine): f"=={mine[name]}" for name in names if name in LIBRARY}
    rest = {name: f"^{re.escape(mine[name])}$" for name in names if name not in LIBRARY}
    if versions and not rest.keys() - {"driver"}:
        return upstream_entry(WHAT, versions, LINK)
    return _expected(found["number"], rest, versions)


def distinguishing(mine: Mapping[str, str], others: Sequence[Mapping[str, str]]) -> list[str]:
    """The fewest fields, about, by which a stack differs from all of these."""
    first = [name for name in ORDER if name in mine]
    names = [*first, *(each for each in mine if each not in (*first, *SAME_EVERYWHERE))]
    left, found = list(others), list[str]()
    while left:
        best = max(names, key=lambda name: sum(each.get(name) != mine[name] for each in left))
        still = [each for each in left if each.get(best) == mine[best]]
        if len(still) == len(left):
            break  # it differs in nothing
        found, left = [*found, best], still
    return found or [*ORDER[:3]]


def _library(name: str, mine: Mapping[str, str]) -> str:
    return mine["driver"] if name == "driver_version" else name


def _is_outside(defect: Record, mine: Mapping[str, str]) -> bool:
    have = libraries(mine)
    return not all(within(have.get(name, "0"), each) for name, each in defect["versions"].items())


def _wider(defect: Record, mine: Mapping[str, str]) -> str:
    """The defect, with this stack's versions among its own."""
    have = libraries(mine)
    versions = {
        name: each if within(have.get(name, "0"), each) else f"{each} or =={have[name]}"
        for name, each in defect["versions"].items()
    }
    return upstream_entry(defect["description"], versions, defect["link"])


def _expected(number: int, where: Mapping[str, str], versions: Mapping[str, str]) -> str:
    lines = [f"    frozenset({{{number}}}),", f"    {json.dumps(dict(where))},", f'    "{WHY}",']
    lines += [f"    versions={json.dumps(dict(versions))},"] if versions else []
    return "\n".join(["Expected(", *lines, ")"])
