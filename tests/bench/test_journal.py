"""The workloads of tortoise/orm-benchmarks: equal answers, what is sent, and the page."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orm_async_tests import db
from orm_async_tests.bench.contenders.journal.given import WORKLOADS, Digest, Given
from orm_async_tests.bench.journal import (
    FAIR,
    GAP,
    OLDER,
    Wish,
    journal_contenders,
    once,
    with_older,
)
from orm_async_tests.bench.journal_written import PUBLISHED
from orm_async_tests.bench.peers import meeting
from orm_async_tests.bench.rounds import How
from orm_async_tests.bench.suites import JOURNAL
from orm_async_tests.bench.world import Sizes, database_made
from tests.bench.test_contenders import MARKS, patterns

ROOT = Path(__file__).parent.parent.parent
ROWS = 30
HERE = ("asyncpg", "sqlalchemy", "sqlalchemy_tuned", "published", "published_warm")
TRIPS = {  # ten tasks
    "asyncpg.single": 2 * ROWS,
    "sqlalchemy.single": 3 * ROWS,
    "sqlalchemy_tuned.single": ROWS,
    "sqlalchemy.whole": 3 * 10,
    "sqlalchemy_tuned.whole": 10,
    "sqlalchemy_tuned.partial": 10,
    "sqlalchemy_tuned.delete_any": 10,
    "sqlalchemy.get_each": 3 * ROWS,
    "sqlalchemy_tuned.get_each": ROWS,
}


def test_both_suites_know_their_workloads() -> None:
    assert set(WORKLOADS) == set(JOURNAL.titles) == set(JOURNAL.there) == set(PUBLISHED)


@pytest.mark.parametrize("name", sorted({*FAIR, *GAP} - {"published_warm"}))
def test_a_contender_does_every_workload_and_marks_how(name: str) -> None:
    [contender] = journal_contenders([name])
    found = patterns(contender.source)
    assert {each.partition("_")[0] for each in found} == set(WORKLOADS)
    assert set(found.values()) <= MARKS | {"published"}


@pytest.fixture(scope="module")
def sent(database: db.Database, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each pattern of this environment sends; answers that are not equal raise."""
    home = tmp_path_factory.mktemp("home")

    async def done() -> dict[str, Any]:
        found: dict[str, Any] = {}
        async with (
            database_made(database, Sizes(write=0, read=0)) as url,
            meeting(url, journal_contenders(HERE), home, JOURNAL) as everyone,
        ):
            for name in WORKLOADS:
                found |= await everyone.counted(name, everyone.duels(name), {"rows": ROWS})
        return found

    return asyncio.run(done())


def test_those_of_this_environment_have_equal_answers_and_few_round_trips(
    sent: dict[str, Any],
) -> None:
    assert {name: sent[name]["round_trips"] for name in TRIPS} == TRIPS


def test_merge_asks_for_each_object(sent: dict[str, Any]) -> None:
    selects = {
        name: sum(each["times"] for each in found["statements"] if "SELECT" in each["sql"])
        for name, found in sent.items()
    }
    for workload in ("whole", "partial", "delete"):
        assert selects[f"published_warm.{workload}"] == ROWS
        assert selects[f"sqlalchemy.{workload}"] == 0


def test_a_pool_of_the_default_size_opens_connections_in_every_turn(sent: dict[str, Any]) -> None:
    trips = {name: found["round_trips"] for name, found in sent.items()}
    for name in WORKLOADS:
        assert trips[f"published.{name}"] > trips[f"published_warm.{name}"]


def test_each_workload_is_done_once_in_a_new_process(database: db.Database, tmp_path: Path) -> None:
    wish = Wish(tmp_path, ROWS, ROWS, How(1, 0))

    async def done() -> list[dict[str, Any]]:
        async with database_made(database, Sizes(write=0, read=0)) as url:
            return await once(url, journal_contenders(["published"]), wish)

    for each in asyncio.run(done()):
        [pattern] = each["patterns"]
        assert len(pattern["milliseconds"]) == 1


def test_an_older_driver_takes_the_place_of_this_one() -> None:
    for name, beside in {"published": 2, "tortoise": 1}.items():
        [contender] = journal_contenders([name])
        wanted = with_older(OLDER, contender).requirements
        assert [each for each in wanted if each.startswith("asyncpg")] == [OLDER]
        assert len(wanted) == beside + 1


def test_an_update_without_an_effect_has_another_answer() -> None:
    entries = [[1, None, 10, "entry 0"]]
    one, other = Digest(), Digest()
    one.tuples(entries)
    other.tuples([[*entries[0][:3], "entry 0 Update"]])
    assert one.told()[:2] == other.told()[:2] == (1, 10)
    assert one.told() != other.told()


def test_all_contenders_are_given_the_same_work_in_ten_shares() -> None:
    given = Given(ROWS)
    for shares in (given.entries, given.records, given.levels, given.pages, given.keys):
        assert len(shares) == 10
    assert sorted(key for share in given.keys for key in share) == list(range(1, ROWS + 1))


def test_the_page_follows_from_the_recorded_figures() -> None:
    check = [sys.executable, str(ROOT / "tools/orm_benchmarks.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
