"""Every script holds, and every claim can fail."""

from collections.abc import Mapping

import pytest

from orm_async_tests import catalogue, db
from orm_async_tests.harness.judge import BROKEN, HOLDS, SKIPPED, UPSTREAM, judge
from orm_async_tests.harness.result import Result
from orm_async_tests.harness.runner import run_script
from orm_async_tests.harness.script import Script
from orm_async_tests.harness.seen import Seen
from orm_async_tests.harness.show import whole
from orm_async_tests.harness.ways import called_with
from tests.mutants import blanks, changes, swaps

ENTRIES = {entry.command: entry for entry in catalogue.catalogue()}


@pytest.fixture(params=db.DRIVERS)
def driven(request: pytest.FixtureRequest, database: db.Database) -> db.Database:
    """This worker's database through each driver."""
    url = db.with_driver(database.url, request.param)
    return db.Database(url, database.kind, database.label)


@pytest.mark.parametrize("command", ENTRIES)
def test_a_script_holds_and_fails_when_anything_that_its_check_reads_is_changed(
    command: str, driven: db.Database
) -> None:
    script = Script.of(ENTRIES[command].load())
    result = run_script(script, driven)
    if result.verdict.word == SKIPPED:
        assert script.only or script.since
        return
    assert result.verdict.word in (HOLDS, UPSTREAM), "\n".join(text for _, text in whole(result))
    assert [name for name, seen in result.seen.items() if nameless(seen.value)] == []
    survivors = [
        name
        for name, mutant in [*blanks(result.seen), *swaps(result)]
        if judge(script, mutant, result.stack, script.defaults).word != BROKEN
    ]
    assert survivors == []
    if result.verdict.word == HOLDS:
        read = {place: [fails(result, other) for other in them] for place, them in changes(result)}
        assert [place for place, failures in read.items() if not any(failures)] == []


@pytest.mark.parametrize("command", ENTRIES)
def test_a_script_holds_in_another_event_loop(command: str, database: db.Database) -> None:
    script = Script.of(ENTRIES[command].load())
    result = run_script(script, database, loop="uvloop")
    assert result.stack.loop == "uvloop"
    if result.verdict.word == SKIPPED:
        assert script.only or script.since
        return
    assert result.verdict.word in (HOLDS, UPSTREAM), result.verdict.reason


def fails(result: Result, seen: Mapping[str, Seen]) -> bool:
    """Whether an assertion of the check fails for what was seen, and nothing else."""
    offered = {**result.script.defaults, "stack": result.stack, **seen}
    try:
        result.script.check(**called_with(result.script.check, offered))
    except AssertionError:
        return True
    except Exception:
        return False
    return False


def nameless(value: object) -> bool:
    """Whether a returned value says nothing by itself: a number, a truth or a bare tuple."""
    bare = isinstance(value, tuple) and not hasattr(value, "_fields")
    inside = isinstance(value, list) and any(map(nameless, value))
    return bare or inside or isinstance(value, int | float)
