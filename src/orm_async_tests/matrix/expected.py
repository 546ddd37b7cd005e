"""What differs on a stack by that stack's nature, and is no fault: data, strict both ways."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from orm_async_tests.matrix.records import (
    Record,
    complete,
    identities,
    libraries,
    result,
    verdicts,
)
from orm_async_tests.verdicts import FAILING, HOLDS, NOT_RUN, PASSING, UPSTREAM
from orm_async_tests.versions.ranges import applies

OLD_POOLER = r"^PgBouncer 1\.(1\d|20)\b.* transaction|transaction-unprepared$"


@dataclass(frozen=True)
class Expected:
    """Scripts whose claims do not hold on the stacks whose fields match these patterns.

    where names any field of an identity, such as driver, settings.jit or packages.greenlet;
    versions has ranges of libraries, as an Upstream. A script of these that holds there, or is not
    run, is as unexpected as another one that does not hold.
    """

    numbers: frozenset[int]
    where: Mapping[str, str]
    why: str
    always: bool = True  # else it depends on who is faster
    versions: Mapping[str, str] = field(default_factory=dict)

    def applies(self, identity: Mapping[str, str]) -> bool:
        """Whether this is such a stack. What it does not have matches nothing."""
        fields = ((pattern, identity.get(name)) for name, pattern in self.where.items())
        matches = all(value is not None and re.search(form, value) for form, value in fields)
        return matches and applies(self.versions, libraries(identity))


EXPECTED = (
    Expected(
        frozenset({31, 84}),
        {"pooler": "^PgBouncer"},
        "PgBouncer keeps the server's connections open when clients close theirs",
    ),
    Expected(
        frozenset({37}),
        {"pooler": "^PgBouncer", "driver": "asyncpg"},
        "PgBouncer keeps the server's connections open when clients close theirs",
    ),
    Expected(
        frozenset({144}),
        {"pooler": "^PgBouncer", "driver": "asyncpg"},
        "PgBouncer refuses an unknown database by 08P01, where the server says 3D000",
        versions={"sqlalchemy": ">=2.1"},
    ),
    Expected(
        frozenset({172}),
        {"driver": "asyncpg"},
        "asyncpg 0.31 ends connect() in a task that takes one more turn, and nobody waits for it",
        versions={"sqlalchemy": "<2.0.53", "asyncpg": ">=0.31,<0.32"},
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
        {"pooler": "transaction", "driver": "asyncpg"},
        "LISTEN is the server connection's, and no client hears it (test178)",
    ),
    Expected(
        frozenset({196}),
        {"pooler": "transaction", "driver": "asyncpg"},
        "PgBouncer keeps an idle client whose server connection died, and does not tell it",
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


def expectation(number: int, identity: Mapping[str, str]) -> Expected | None:
    """Why this script does not hold on this stack; None if it ought to."""
    found = (each for each in EXPECTED if number in each.numbers and each.applies(identity))
    return next(found, None)


def explained(records: Sequence[Record]) -> dict[str, list[int]]:
    """The scripts that did not hold as was expected, by the reason."""
    found: dict[str, list[int]] = {}
    for each, known in _with_expectations(records):
        if known and each["verdict"] in FAILING and each["number"] not in found.get(known.why, ()):
            found.setdefault(known.why, []).append(each["number"])
    return found


def unexpected(records: Sequence[Record]) -> Iterator[tuple[Record, str]]:
    """The results that a reader has to look at, and why."""
    for each, known in _with_expectations([*records, *absent(records)]):
        verdict, reason = each["verdict"], each["reason"]
        if known is None or verdict == UPSTREAM:
            if verdict not in PASSING:
                yield each, reason
        elif verdict == HOLDS and known.always:
            yield each, f"it holds, and was expected not to: {known.why}"
        elif verdict not in (HOLDS, *FAILING) and (known.always or verdict not in PASSING):
            yield each, f"it was not run ({reason}), and was expected not to hold: {known.why}"


def absent(records: Sequence[Record]) -> list[Record]:
    """A result for each script that a whole run lacks, though it is expected to fail there."""
    if not (records[0]["whole"] and complete(records)):
        return []
    there = verdicts(records)
    return [
        result(stack, number, NOT_RUN, "there is no such script")
        for stack, identity in identities(records).items()
        for each in EXPECTED
        if each.applies(identity)
        for number in sorted(each.numbers)
        if (stack, number) not in there
    ]


def _with_expectations(records: Sequence[Record]) -> Iterator[tuple[Record, Expected | None]]:
    stacks = identities(records)
    for each in records:
        if each["record"] == "result":
            identity = stacks.get(each["stack"])
            yield each, expectation(each["number"], identity) if identity else None
