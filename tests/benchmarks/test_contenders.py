"""The benchmark's contenders: which patterns they have, and whether these patterns run."""

import asyncio

import pytest
from benchmarks.patterns.contenders import CONTENDERS, patterns_of
from benchmarks.patterns.measure import measure
from benchmarks.patterns.work import WORKLOADS, Digest, Work

from orm_async_tests import db

GETS = 8
WORK = Work(write=20, read=200, gets=GETS)
ROUND_TRIPS = {
    "sqlalchemy.get": 3 * GETS,
    "sqlalchemy_tuned.get_autocommit": GETS,
    "sqlalchemy_core.walk_json": GETS // 2,
    "asyncpg.get": 2 * GETS,
    "sqlalchemy_tuned.insert_unnest": 3,
}


@pytest.mark.parametrize("contender", CONTENDERS)
def test_a_contender_has_a_labelled_pattern_for_every_workload(contender: str) -> None:
    patterns = list(patterns_of(contender))
    assert {pattern.workload for pattern in patterns} == set(WORKLOADS)
    assert [pattern.key for pattern in patterns if not pattern.label] == []


@pytest.mark.parametrize(
    "workloads",
    [("insert", "get", "walk"), pytest.param(tuple(WORKLOADS), marks=pytest.mark.thorough)],
)
def test_contenders_give_equal_answers_in_few_round_trips(
    database: db.Database, workloads: tuple[str, ...]
) -> None:
    report = asyncio.run(measure(database, workloads, WORK, 1))
    assert tuple(result.name for result in report.workloads) == workloads
    counts = {
        f"{pattern.contender}.{pattern.name}": pattern.round_trips
        for result in report.workloads
        for pattern in result.patterns
    }
    assert {key: counts[key] for key in ROUND_TRIPS} == ROUND_TRIPS


def test_a_digest_depends_on_every_column_and_not_on_the_order() -> None:
    rows = [(1, 2, 0.5, 1.5, "2026-01-01T00:00:00+00:00"), (2, 2, 0.5, 1.5, "2026-01-01T00Z")]
    digest, reordered, changed = Digest(), Digest(), Digest()
    digest.add_tuples(rows)
    reordered.add_tuples(reversed(rows))
    changed.add_tuples([rows[0], (*rows[1][:3], 9.5, rows[1][4])])
    assert digest.result() == reordered.result()
    assert digest.result()[:2] == changed.result()[:2] == (2, 1.0)
    assert digest.result() != changed.result()
