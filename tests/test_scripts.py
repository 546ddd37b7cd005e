"""Every script holds, and every claim can fail."""

from collections.abc import Iterator, Mapping
from types import ModuleType

import pytest

from orm_async_tests import catalogue, db
from orm_async_tests.harness.judge import BROKEN, HOLDS, SKIPPED, UPSTREAM, judge
from orm_async_tests.harness.options import defaults
from orm_async_tests.harness.result import Result
from orm_async_tests.harness.run import run
from orm_async_tests.harness.show import whole
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
    script = ENTRIES[command].load()
    result = run(script, driven)
    if result.verdict.word == SKIPPED:
        assert {"ONLY", "SINCE"} & vars(script).keys()
        return
    assert result.verdict.word in (HOLDS, UPSTREAM), "\n".join(text for _, text in whole(result))
    assert [name for name, seen in result.seen.items() if nameless(seen.value)] == []
    survivors = [
        name
        for name, mutant in [*blanks(result.seen), *swaps(script, result)]
        if judge(script, mutant, result.stack, defaults(script)).word != BROKEN
    ]
    assert survivors == []


@pytest.mark.parametrize("command", ENTRIES)
def test_a_script_holds_in_another_event_loop(command: str, database: db.Database) -> None:
    script = ENTRIES[command].load()
    result = run(script, database, loop="uvloop")
    assert result.stack.loop == "uvloop"
    if result.verdict.word == SKIPPED:
        assert {"ONLY", "SINCE"} & vars(script).keys()
        return
    assert result.verdict.word in (HOLDS, UPSTREAM), result.verdict.reason


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

    Where a way is wrong because of a library's defect, both are right on a stack without it.
    """
    if hasattr(script, "DEFECT") and result.verdict.word != UPSTREAM:
        return
    seen = result.seen
    wrong = [name for name, each in seen.items() if each.kind == "wrong"]
    right = [name for name, each in seen.items() if each.kind == "right"]
    for bad in wrong:
        for good in right:
            yield f"{good} seen as {bad}", {**seen, bad: seen[good]}
            yield f"{bad} seen as {good}", {**seen, good: seen[bad]}
