"""Reads data/expected_differences.toml, which lists scripts that cannot hold on some stacks.

The file omits known defects of libraries. If a script that the file does not list fails, the matrix
fails. If a script that the file lists holds, the matrix also fails, unless the file sets `always`
to false for the script.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from orm_async_tests.matrix.records import Record, identities, is_complete, result, verdicts
from orm_async_tests.verdicts import FAILING, HOLDS, NOT_RUN, PASSING, UPSTREAM
from orm_async_tests.versions.ranges import applies

FILE = Path(__file__).parents[1] / "data/expected_differences.toml"


@dataclass(frozen=True)
class Expected:
    """Scripts that do not hold on certain stacks, and the reason."""

    numbers: frozenset[int]
    where: Mapping[str, str]  # regular expressions by field, for example {"pooler": "^PgBouncer"}
    when: str  # `where` and `versions` in words
    why: str
    always: bool = True  # False if the scripts may also hold, because of a race
    versions: Mapping[str, str] = field(default_factory=dict)  # ranges by library

    def applies(self, identity: Mapping[str, str]) -> bool:
        fields = [(pattern, identity.get(name)) for name, pattern in self.where.items()]
        matches = all(value is not None and re.search(form, value) for form, value in fields)
        libraries = {name: identity[name] for name in ("python", "sqlalchemy")}
        libraries[identity["driver"]] = identity["driver_version"]
        return matches and applies(self.versions, libraries)


@cache
def read_expected() -> tuple[Expected, ...]:
    tables = tomllib.loads(FILE.read_text("utf-8"))["difference"]
    return tuple(Expected(frozenset(table.pop("scripts")), **table) for table in tables)


def group_by_reason(records: Sequence[Record]) -> dict[str, list[int]]:
    reasons: dict[str, dict[int, None]] = {}
    for record, entry in _with_entries(records):
        if entry and record["verdict"] in FAILING:
            reasons.setdefault(entry.why, {})[record["number"]] = None
    return {why: list(numbers) for why, numbers in reasons.items()}


def find_unexpected(records: Sequence[Record]) -> Iterator[tuple[Record, str]]:
    for record, entry in _with_entries([*records, *find_nonexistent(records)]):
        verdict, reason = record["verdict"], record["reason"]
        if entry is None or verdict == UPSTREAM:
            if verdict not in PASSING:
                yield record, reason
        elif verdict == HOLDS and entry.always:
            yield record, f"the script holds, but should fail here: {entry.why}"
        elif verdict not in (HOLDS, *FAILING) and (entry.always or verdict not in PASSING):
            yield record, f"the script did not run ({reason}), but should fail here: {entry.why}"


def find_nonexistent(records: Sequence[Record]) -> list[Record]:
    """Return a result for every nonexistent script that data/expected_differences.toml lists."""
    # Only a complete run of all scripts shows that a script does not exist.
    if not (records[0]["whole"] and is_complete(records)):
        return []
    present = verdicts(records)
    return [
        result(stack, number, NOT_RUN, "a script with this number does not exist")
        for stack, identity in identities(records).items()
        for entry in read_expected()
        if entry.applies(identity)
        for number in sorted(entry.numbers)
        if (stack, number) not in present
    ]


def _with_entries(records: Sequence[Record]) -> Iterator[tuple[Record, Expected | None]]:
    """Pair every result with its expected difference, or with None."""
    stacks = identities(records)
    for record in records:
        if record["record"] == "result":
            identity = stacks.get(record["stack"], {})
            entries = [entry for entry in read_expected() if record["number"] in entry.numbers]
            applicable = (entry for entry in entries if identity and entry.applies(identity))
            yield record, next(applicable, None)
