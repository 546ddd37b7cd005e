"""Lists the claims that cannot hold on some stacks, although these stacks have no defect.

A script that holds although this list says that it fails is as unexpected as a script that fails
although this list does not name it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

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

OLD_POOLER = r"^PgBouncer 1\.(1\d|20)\b.* transaction|transaction-unprepared$"


@dataclass(frozen=True)
class Expected:
    """Scripts that do not hold on the stacks that match these conditions, and the reason.

    `where` maps fields of a stack's identity to regular expressions. Fields are for example
    "driver", "settings.jit" and "packages.greenlet". `versions` maps libraries to ranges of
    versions, as in Upstream.
    """

    numbers: frozenset[int]
    where: Mapping[str, str]
    why: str
    always: bool = True  # False if the scripts may also hold, because of a race
    versions: Mapping[str, str] = field(default_factory=dict)

    def applies(self, identity: Mapping[str, str]) -> bool:
        """Return whether a stack has all fields and versions that these conditions require."""
        fields = ((pattern, identity.get(name)) for name, pattern in self.where.items())
        matches = all(value is not None and re.search(form, value) for form, value in fields)
        return matches and applies(self.versions, libraries(identity))


EXPECTED = (
    Expected(
        frozenset({31, 84}),
        {"pooler": "^PgBouncer"},
        "PgBouncer keeps connections to the server open when its clients disconnect",
    ),
    Expected(
        frozenset({37}),
        {"pooler": "^PgBouncer", "driver": "asyncpg"},
        "PgBouncer keeps connections to the server open when its clients disconnect",
    ),
    Expected(
        frozenset({144}),
        {"pooler": "^PgBouncer", "driver": "asyncpg"},
        "for an unknown database PgBouncer sends SQLSTATE 08P01, but PostgreSQL sends 3D000",
        versions={"sqlalchemy": ">=2.1"},
    ),
    Expected(
        frozenset({172}),
        {"driver": "asyncpg"},
        "asyncpg 0.31 runs connect() in a separate task, and returns one event loop cycle too late",
        versions={"sqlalchemy": "<2.0.53", "asyncpg": ">=0.31,<0.32"},
    ),
    Expected(
        frozenset({161}),
        {"pooler": "^PgBouncer", "driver": "psycopg"},
        "behind PgBouncer, a second cancel may leave a closed psycopg connection in the pool",
        always=False,
    ),
    Expected(
        frozenset({33, 85}),
        {"pooler": "transaction"},
        "PgBouncer decides which backend serves a transaction, and replaces dead backends",
    ),
    Expected(
        frozenset({100}),
        {"pooler": "transaction"},
        "PgBouncer keeps a session-level advisory lock on its server connection (test178)",
    ),
    Expected(
        frozenset({112}),
        {"pooler": "transaction", "driver": "asyncpg"},
        "PgBouncer keeps LISTEN on its server connection, so no client is notified (test178)",
    ),
    Expected(
        frozenset({196}),
        {"pooler": "transaction", "driver": "asyncpg"},
        "PgBouncer does not tell an idle client that its server connection has died",
    ),
    Expected(
        frozenset({1}),
        {"pooler": "transaction", "driver": "psycopg"},
        "psycopg prepares a statement at its sixth execution, but only on one server connection",
    ),
    Expected(
        frozenset({1, 87, 90, 92, 93, 98, 99, 102, 165}),
        {"pooler": OLD_POOLER, "driver": "asyncpg"},
        "a statement prepared on one server connection does not exist on another (26000, test174)",
    ),
)


def find_expected(number: int, identity: Mapping[str, str]) -> Expected | None:
    """Return the entry that explains why a script fails on a stack, or None if it should hold
    there.
    """
    entries = (entry for entry in EXPECTED if number in entry.numbers and entry.applies(identity))
    return next(entries, None)


def group_by_reason(records: Sequence[Record]) -> dict[str, list[int]]:
    """Return the numbers of the scripts that failed as expected, grouped by the reason."""
    reasons: dict[str, list[int]] = {}
    for record, entry in _with_entries(records):
        if entry and record["verdict"] in FAILING:
            numbers = reasons.setdefault(entry.why, [])
            numbers += [] if record["number"] in numbers else [record["number"]]
    return reasons


def find_unexpected(records: Sequence[Record]) -> Iterator[tuple[Record, str]]:
    """Yield the results that are unexpected or failed, each with the reason."""
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
    """Return a result for every script that should fail on a stack but does not exist in the run.

    The list is empty if the run is incomplete or did not run all scripts.
    """
    if not (records[0]["whole"] and is_complete(records)):
        return []
    present = verdicts(records)
    return [
        result(stack, number, NOT_RUN, "this script does not exist")
        for stack, identity in identities(records).items()
        for entry in EXPECTED
        if entry.applies(identity)
        for number in sorted(entry.numbers)
        if (stack, number) not in present
    ]


def _with_entries(records: Sequence[Record]) -> Iterator[tuple[Record, Expected | None]]:
    stacks = identities(records)
    for record in records:
        if record["record"] == "result":
            identity = stacks.get(record["stack"])
            yield record, find_expected(record["number"], identity) if identity else None
