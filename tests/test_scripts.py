"""Every script holds, and every claim can fail."""

import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import ModuleType

import pytest
from packaging.requirements import Requirement

from orm_async_tests import catalogue, db
from orm_async_tests.harness.judge import BROKEN, HOLDS, SKIPPED, UPSTREAM, judge, since
from orm_async_tests.harness.options import defaults
from orm_async_tests.harness.result import Result
from orm_async_tests.harness.run import run
from orm_async_tests.harness.show import whole
from orm_async_tests.harness.upstream import defects, within
from orm_async_tests.harness.ways import Seen

Mutant = tuple[str, dict[str, Seen]]
ENTRIES = {entry.command: entry for entry in catalogue.catalogue()}


@pytest.fixture(params=db.DRIVERS)
def driven(request: pytest.FixtureRequest, database: db.Database) -> db.Database:
    """This worker's database through each driver."""
    url = db.with_driver(database.url, request.param)
    return db.Database(url, database.kind, database.label)


@pytest.mark.parametrize("command", ENTRIES)
def test_a_script_holds_and_fails_when_its_ways_are_swapped_or_blank(
    command: str, driven: db.Database
) -> None:
    script = importlib.import_module(ENTRIES[command].module)
    result = run(script, driven)
    skip_as(result)
    assert result.verdict.word in (HOLDS, UPSTREAM), "\n".join(text for _, text in whole(result))
    assert [name for name, seen in result.seen.items() if nameless(seen.value)] == []
    survivors = [
        name
        for name, mutant in [*blanks(result.seen), *swaps(script, result)]
        if judge(script, mutant, result.stack, defaults(script)).word != BROKEN
    ]
    assert survivors == []


@pytest.mark.parametrize("command", ENTRIES)
def test_a_script_holds_in_another_event_loop_and_without_a_wire_unless_it_needs_one(
    command: str, database: db.Database
) -> None:
    script = importlib.import_module(ENTRIES[command].module)
    wired = "wire" in getattr(script, "NEEDS", ())
    tls = database.url.update_query_dict({"ssl": "prefer"})
    result = run(script, database if wired else replace(database, url=tls), loop="uvloop")
    assert result.stack.loop == "uvloop"
    skip_as(result)
    assert result.verdict.word in (HOLDS, UPSTREAM), result.verdict.reason
    assert {seen.round_trips is not None for seen in result.seen.values()} == {wired}


@pytest.mark.parametrize("command", ENTRIES)
def test_what_a_script_says_of_versions_and_defects_can_be_read(command: str) -> None:
    script = importlib.import_module(ENTRIES[command].module)
    assert within("2.1.9", since(script))
    assert Requirement(getattr(script, "ONLY", "asyncpg")).name in db.DRIVERS
    for defect in defects(script):
        assert not defect.applies({"sqlalchemy": "1.4", "asyncpg": "0.1", "psycopg": "1"})
        assert not defect.what.endswith(".")
        assert re.fullmatch(r"https://\S+", defect.link)


def skip_as(result: Result) -> None:
    """Skip what the script skipped, if the driver or a version that it names really is outside."""
    if result.verdict.word != SKIPPED:
        return
    stack, about = result.stack, Requirement(getattr(result.script, "ONLY", result.stack.driver))
    mine = about.name == stack.driver
    outside = {
        stack.driver: not mine,
        stack.driver_version: mine and stack.driver_version not in about.specifier,
        stack.sqlalchemy: not within(stack.sqlalchemy, since(result.script)),
    }
    told = re.findall(r"this is ([\w.]+)", result.verdict.reason)
    assert [outside[each] for each in told] == [True], result.verdict.reason
    pytest.skip(result.verdict.reason)


def nameless(value: object) -> bool:
    """Whether a returned value says nothing by itself: a number, a truth or a bare tuple."""
    bare = isinstance(value, tuple) and not hasattr(value, "_fields")
    inside = isinstance(value, list) and any(map(nameless, value))
    return bare or inside or isinstance(value, int | float)


def blanks(seen: Mapping[str, Seen]) -> Iterator[Mutant]:
    """What was seen with one way blank."""
    for name, each in seen.items():
        yield f"{name} blank", {**seen, name: Seen(each.kind)}


def swaps(script: ModuleType, result: Result) -> Iterator[Mutant]:
    """What was seen with a wrong and a right way taken for each other.

    Where a way is wrong because of a library's defect, it is right on a stack without it.
    """
    seen = result.seen
    wrong = [name for name, each in seen.items() if each.kind == "wrong"]
    right = [name for name, each in seen.items() if each.kind == "right"]
    for bad in wrong:
        for good in right:
            if defects(script) and seen[bad].value == seen[good].value:
                continue
            yield f"{good} seen as {bad}", {**seen, bad: seen[good]}
            yield f"{bad} seen as {good}", {**seen, good: seen[bad]}
