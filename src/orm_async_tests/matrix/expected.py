"""What differs on a stack by that stack's nature, and is no fault: data, strict both ways."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from orm_async_tests.matrix.records import GOOD, Record

OLD_POOLER = r"^PgBouncer 1\.(1\d|20)\b.* transaction|transaction-unprepared$"


@dataclass(frozen=True)
class Expected:
    """Scripts whose claims do not hold on the stacks whose fields match these patterns.

    A script of these that holds there is as unexpected as another one that does not.
    """

    numbers: frozenset[int]
    where: Mapping[str, str]
    why: str
    always: bool = True  # else it depends on who is faster

    def applies(self, stack: Mapping[str, str]) -> bool:
        """Whether this is such a stack."""
        return all(re.search(pattern, stack[name]) for name, pattern in self.where.items())


EXPECTED = (
    Expected(
        frozenset({31, 37, 84}),
        {"pooler": "^PgBouncer"},
        "PgBouncer keeps the server's connections open when clients close theirs",
    ),
    Expected(
        frozenset({144}),
        {"pooler": "^PgBouncer", "driver": "asyncpg"},
        "PgBouncer refuses an unknown database by 08P01, where the server says 3D000",
    ),
    Expected(
        frozenset({161}),
        {"pooler": "^PgBouncer", "driver": "psycopg"},
        "behind PgBouncer a second cancel may leave psycopg's connection closed in the pool",
        always=False,
    ),
    Expected(
        frozenset({33, 85}),
        {"pooler": "transaction"},
        "which backend serves a transaction, and what becomes of a dead one, is up to PgBouncer",
    ),
    Expected(
        frozenset({100}),
        {"pooler": "transaction"},
        "a session's advisory lock stays with the server's connection (test178)",
    ),
    Expected(
        frozenset({112}),
        {"pooler": "transaction"},
        "LISTEN is the server connection's, and no client hears it (test178)",
    ),
    Expected(
        frozenset({1}),
        {"pooler": "transaction", "driver": "psycopg"},
        "psycopg prepares a statement at its sixth execution, on one of several connections",
    ),
    Expected(
        frozenset({1, 87, 90, 92, 93, 98, 99, 102, 165}),
        {"pooler": OLD_POOLER, "driver": "asyncpg"},
        "a statement that was prepared on another connection is unknown (26000, test174)",
    ),
)


def expectation(number: int, stack: Mapping[str, str]) -> Expected | None:
    """Why this script does not hold on this stack; None if it ought to."""
    found = (each for each in EXPECTED if number in each.numbers and each.applies(stack))
    return next(found, None)


def explained(records: Sequence[Record]) -> dict[str, list[int]]:
    """The scripts that did not hold as was expected, by the reason."""
    found: dict[str, list[int]] = {}
    for each, known in _with_expectations(records):
        if known and each["verdict"] not in GOOD and each["number"] not in found.get(known.why, ()):
            found.setdefault(known.why, []).append(each["number"])
    return found


def unexpected(records: Sequence[Record]) -> Iterator[tuple[Record, str]]:
    """The results that a reader has to look at, and why."""
    for each, known in _with_expectations(records):
        if each["verdict"] not in GOOD and not known:
            yield each, each["reason"]
        elif each["verdict"] == "HOLDS" and known and known.always:
            yield each, f"it holds, and was expected not to: {known.why}"


def _with_expectations(records: Sequence[Record]) -> Iterator[tuple[Record, Expected | None]]:
    stacks = {each["stack"]: each["identity"] for each in records if each["record"] == "stack"}
    for each in records:
        if each["record"] == "result":
            identity = stacks.get(each["stack"])
            yield each, expectation(each["number"], identity) if identity else None
