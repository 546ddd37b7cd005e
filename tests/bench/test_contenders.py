"""Contenders: what each one can do, and those of this environment at work."""

import ast
import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from orm_async_tests import db
from orm_async_tests.bench.contenders.given import WORKLOADS, Digest, Tally
from orm_async_tests.bench.environments import OURS, contenders, interpreter
from orm_async_tests.bench.peers import Wish, chosen, compared, comparison
from orm_async_tests.bench.rounds import How
from orm_async_tests.bench.scaling import SLOWLY, by_delay, by_memory, by_size
from orm_async_tests.bench.workers import working
from orm_async_tests.bench.world import Sizes
from orm_async_tests.errors import CouldNotRun

MARKS = {"idiomatic", "tuned", "raw"}
SMALL = Sizes(write=20, read=200, gets=8)
ONCE = How(1, 0)
TRIPS = {
    "sqlalchemy.get": 3 * SMALL.gets,
    "sqlalchemy_tuned.get_autocommit": SMALL.gets,
    "sqlalchemy_core.walk_json": SMALL.gets // 2,
    "asyncpg.get": 2 * SMALL.gets,
    "sqlalchemy_core.insert_unnest": 3,
}


def patterns(source: Path) -> dict[str, str]:
    """The marks of a contender's patterns, by their names."""
    return {
        each.name: ast.unparse(each.decorator_list[0])
        for each in ast.parse(source.read_text("utf-8")).body
        if isinstance(each, ast.AsyncFunctionDef) and each.name != "connected"
    }


@pytest.mark.parametrize("name", contenders())
def test_a_contender_does_every_workload_and_marks_how(name: str) -> None:
    found = patterns(contenders()[name].source)
    assert {each.partition("_")[0] for each in found} == set(WORKLOADS)
    assert set(found.values()) <= MARKS


@pytest.mark.parametrize("name", sorted(set(contenders()) - set(OURS)))
def test_a_peers_versions_are_pinned_with_a_reason(name: str) -> None:
    contender = contenders()[name]
    assert [each for each in contender.requirements if "==" not in each] == []
    assert contender.why


def test_what_cannot_be_installed_says_so(tmp_path: Path) -> None:
    from dataclasses import replace

    peer = replace(contenders()["peewee"], pins=("./no such folder",), here=())
    with pytest.raises(CouldNotRun):
        interpreter(peer, tmp_path)
    assert not list(tmp_path.glob("contenders/*/complete"))


def test_an_unknown_contender_is_refused() -> None:
    with pytest.raises(CouldNotRun):
        chosen(["nothing"])


@pytest.mark.parametrize("workloads", [WORKLOADS[:3], WORKLOADS[3:]])
def test_those_of_this_environment_have_equal_answers(
    database: db.Database, tmp_path: Path, workloads: tuple[str, ...]
) -> None:
    wish = Wish(tmp_path, None, workloads, SMALL, ONCE)
    found = asyncio.run(compared(database, wish))
    patterns = {each["name"]: each["patterns"] for each in found["workloads"]}
    assert tuple(patterns) == workloads
    trips = {
        f"{each['contender']}.{each['name']}": each["round_trips"]
        for some in patterns.values()
        for each in some
    }
    assert TRIPS.items() & trips.items() == {each for each in TRIPS.items() if each[0] in trips}


def test_what_is_sent_is_told_as_often_as_it_is_executed(
    database: db.Database, tmp_path: Path
) -> None:
    async def sent() -> Any:
        async with comparison(database, Wish(tmp_path, None, [], SMALL, ONCE)) as found:
            [bulk] = found.named(["sqlalchemy.insert_bulk"])
            return await found.counted("insert", [bulk], vars(SMALL))

    [bulk] = asyncio.run(sent()).values()
    words = {re.sub(r"\W.*", "", each["sql"]): each["times"] for each in bulk["statements"]}
    assert words == {"BEGIN": 1, "INSERT": SMALL.write, "COMMIT": 1}


def test_ratios_are_told_by_size_and_by_delay_and_memory_by_rows(
    database: db.Database, tmp_path: Path
) -> None:
    wish = Wish(tmp_path, None, [], SMALL, ONCE)

    async def scaled() -> list[list[dict[str, Any]]]:
        async with comparison(database, wish) as found:
            sizes = await by_size(found, ["insert"], vars(SMALL), ONCE)
            delays = await by_delay(found, ["get"], ONCE)
            return [sizes, delays, await by_memory(found, tmp_path, SMALL.read)]

    sizes, delays, memory = asyncio.run(scaled())
    assert [each["steps"] for each in sizes] == [[1, 1, 2, 20]]
    assert [each["steps"] for each in delays] == [[0, 1, 5]]
    waited = {each["name"]: each["milliseconds"] for each in delays[0]["lines"]}
    assert waited["get"][-1] >= 5 * SLOWLY["gets"]  # each waits for a round trip of 5 ms
    assert {each["rows"] for each in memory} == {SMALL.read * 10}
    assert min(each["batch"] for each in memory) > 1


def test_a_contender_that_fails_says_what_it_raised(tmp_path: Path) -> None:
    async def asked() -> None:
        async with working(contenders()["asyncpg"], tmp_path) as worker:
            await worker.ask("ready", pattern="nothing", sizes=vars(SMALL), tally="Tally")

    with pytest.raises(CouldNotRun) as failed:
        asyncio.run(asked())
    assert "KeyError" in failed.value.what


def test_a_digest_sees_every_column_and_no_order() -> None:
    rows = [(1, 2, 0.5, 1.5, "2026-01-01T00:00:00+00:00"), (2, 2, 0.5, 1.5, "2026-01-01T00Z")]
    one, other, changed = Digest(), Digest(), Digest()
    one.tuples(rows)
    other.tuples(reversed(rows))
    changed.tuples([rows[0], (*rows[1][:3], 9.5, rows[1][4])])
    assert one.told() == other.told()
    assert one.told()[:2] == changed.told()[:2] == (2, 1.0)
    assert one.told() != changed.told()


def test_tallies_of_threads_add_up() -> None:
    one, other = Tally(), Tally()
    one.tuples([(1, 1, 0.25)])
    other.tuples([(2, 1, 0.5)])
    one.add(other)
    assert one.told() == (2, 0.75)
