"""Lists the claims that cannot hold on some stacks (combinations of versions and servers), although
nothing is defective.

The run fails if a listed script holds, and also if a script fails that is not listed.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from orm_async_tests.matrix.records import (
    Record,
    identities,
    is_complete,
    libraries,
    result,
    verdicts,
)
from orm_async_tests.verdicts import FAILING, HOLDS, NOT_RUN, PASSING, UPSTREAM
from orm_async_tests.versions.ranges import applies

FILE = Path(__file__).parents[1] / "data/expected_differences.toml"


@dataclass(frozen=True)
class Expected:
    """Scripts that do not hold where these conditions are true, and the reason.

    `where` maps a field of the stack to a regular expression. Fields are for example "driver",
    "settings.jit" and "packages.greenlet". `versions` maps libraries to version ranges, as in
    `Upstream`.
    """

    numbers: frozenset[int]
    where: Mapping[str, str]
    why: str
    always: bool = True  # False if the scripts may also hold, because of a race
    versions: Mapping[str, str] = field(default_factory=dict)

    def applies(self, identity: Mapping[str, str]) -> bool:
        """Return whether a stack fulfills these conditions."""
        fields = ((pattern, identity.get(name)) for name, pattern in self.where.items())
        matches = all(value is not None and re.search(form, value) for form, value in fields)
        return matches and applies(self.versions, libraries(identity))


@cache
def read_expected() -> tuple[Expected, ...]:
    """Return the expected differences, in the order of the file."""
    return tuple(
        Expected(frozenset(table.pop("scripts")), **table)
        for table in tomllib.loads(FILE.read_text("utf-8"))["difference"]
    )


def group_by_reason(records: Sequence[Record]) -> dict[str, list[int]]:
    """Return the numbers of scripts that failed as expected. The keys are the reasons of the
    failures.
    """
    reasons: dict[str, list[int]] = {}
    for record, entry in _with_entries(records):
        if entry and record["verdict"] in FAILING:
            numbers = reasons.setdefault(entry.why, [])
            numbers += [] if record["number"] in numbers else [record["number"]]
    return reasons


def find_unexpected(records: Sequence[Record]) -> Iterator[tuple[Record, str]]:
    """Yield every unexpected result, with the reason why it is unexpected."""
    for record, entry in _with_entries([*records, *find_missing(records)]):
        verdict, reason = record["verdict"], record["reason"]
        if entry is None or verdict == UPSTREAM:
            if verdict not in PASSING:
                yield record, reason
        elif verdict == HOLDS and entry.always:
            yield record, f"it holds, but should fail here: {entry.why}"
        elif verdict not in (HOLDS, *FAILING) and (entry.always or verdict not in PASSING):
            yield record, f"it did not run ({reason}), but should fail here: {entry.why}"


def find_missing(records: Sequence[Record]) -> list[Record]:
    """Return a result for every script that data/expected_differences.toml names, but that does not
    exist any more.

    Return an empty list if the run is incomplete or did not run all scripts.
    """
    if not (records[0]["whole"] and is_complete(records)):
        return []
    present = verdicts(records)
    return [
        result(stack, number, NOT_RUN, "this script does not exist")
        for stack, identity in identities(records).items()
        for entry in read_expected()
        if entry.applies(identity)
        for number in sorted(entry.numbers)
        if (stack, number) not in present
    ]


def _with_entries(records: Sequence[Record]) -> Iterator[tuple[Record, Expected | None]]:
    """Yield every result with the entry that expects its script to fail on this stack, or with
    None.
    """
    stacks = identities(records)
    for record in records:
        if record["record"] == "result":
            identity = stacks.get(record["stack"], {})
            entries = [entry for entry in read_expected() if record["number"] in entry.numbers]
            applicable = (entry for entry in entries if identity and entry.applies(identity))
            yield record, next(applicable, None)
