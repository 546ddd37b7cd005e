"""What contenders can do, and the patterns of this environment at work."""

import ast
import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.patterns.bench_database import Sizes
from benchmarks.patterns.contenders.work import WORKLOADS, Digest
from benchmarks.patterns.measure import choose_contenders, measure
from benchmarks.patterns.rounds import RoundLimits
from benchmarks.patterns.workers import CONTENDERS, Contender, working

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun

MARKS = {"idiomatic", "tuned", "raw"}
SIZES = Sizes(write=20, read=200, gets=8)
ONE_ROUND = RoundLimits(1, 0)
ROUND_TRIPS = {
    "sqlalchemy.get": 3 * SIZES.gets,
    "sqlalchemy_tuned.get_autocommit": SIZES.gets,
    "sqlalchemy_core.walk_json": SIZES.gets // 2,
    "asyncpg.get": 2 * SIZES.gets,
    "sqlalchemy_tuned.insert_unnest": 3,
}


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.name)
def test_a_contender_does_every_workload_and_marks_its_patterns(contender: Contender) -> None:
    marks = {
        node.name: ast.unparse(node.decorator_list[0])
        for node in ast.parse(contender.source.read_text("utf-8")).body
        if isinstance(node, ast.AsyncFunctionDef) and node.name != "connected"
    }
    assert {function.partition("_")[0] for function in marks} == set(WORKLOADS)
    assert set(marks.values()) <= MARKS


def test_a_contender_that_cannot_be_installed_says_so(tmp_path: Path) -> None:
    contender = replace(CONTENDERS[0], releases={"./no such folder": "1"})
    with pytest.raises(CouldNotRun, match="asyncpg cannot be installed"):
        contender.install(tmp_path)


@pytest.mark.thorough
@pytest.mark.parametrize("workloads", [WORKLOADS[:3], WORKLOADS[3:]], ids="-".join)
def test_contenders_give_equal_answers_in_few_round_trips(
    database: db.Database, tmp_path: Path, workloads: tuple[str, ...]
) -> None:
    contenders = choose_contenders(peers=False)
    _, results = asyncio.run(measure(database, tmp_path, contenders, workloads, SIZES, ONE_ROUND))
    assert tuple(result.name for result in results) == workloads
    counts = {
        f"{pattern.contender}.{pattern.name}": pattern.round_trips
        for result in results
        for pattern in result.patterns
    }
    expected = {key: count for key, count in ROUND_TRIPS.items() if key in counts}
    assert expected
    assert {key: counts[key] for key in expected} == expected


def test_a_contender_that_fails_says_what_it_raised(tmp_path: Path) -> None:
    async def prepare_unknown_pattern() -> None:
        async with working(CONTENDERS[0], tmp_path) as worker:
            await worker.request("prepare", pattern="nothing", sizes=vars(SIZES), tally="Tally")

    with pytest.raises(CouldNotRun) as failed:
        asyncio.run(prepare_unknown_pattern())
    assert "KeyError" in failed.value.problem


def test_a_digest_depends_on_every_column_and_not_on_the_order() -> None:
    rows = [(1, 2, 0.5, 1.5, "2026-01-01T00:00:00+00:00"), (2, 2, 0.5, 1.5, "2026-01-01T00Z")]
    digest, reordered, changed = Digest(), Digest(), Digest()
    digest.add_tuples(rows)
    reordered.add_tuples(reversed(rows))
    changed.add_tuples([rows[0], (*rows[1][:3], 9.5, rows[1][4])])
    assert digest.result() == reordered.result()
    assert digest.result()[:2] == changed.result()[:2] == (2, 1.0)
    assert digest.result() != changed.result()
