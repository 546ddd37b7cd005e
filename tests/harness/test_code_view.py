"""The output of the options --code, --timeline and --trace."""

import json
import re
from pathlib import Path

import pytest

from orm_async_tests import catalogue, db, urls
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.report.line_notes import describe_error, name_sqlstate
from orm_async_tests.harness.report.views import render_code, render_views, write_trace
from orm_async_tests.harness.run import runner
from orm_async_tests.harness.run.runner import run_script
from orm_async_tests.harness.script import Script
from orm_async_tests.stack_options import DRIVERS
from orm_async_tests.timeline.event_list import Event
from tests.harness.example_scripts import HEAD, ran, script

FIRST = len(HEAD.splitlines()) + 1  # the number of the first line of a script's body
TWICE = """
    QUERY = select(User.id)
    UNUSED = 1

    async def read(session):
        return (await session.scalars(QUERY)).all()

    @wrong
    async def one_by_one(Session):
        "read twice"
        async with Session() as session:
            users = [*await read(session), *await read(session)]
            await session.commit()
        async with Session() as session:
            await session.execute(text("SELECT 1 / 0"))

    @right
    async def at_once(Session):
        "read once"
        async with Session() as session:
            users = await read(session)
            await session.commit()
"""


@pytest.mark.parametrize("columns", [80, 120])
def test_a_line_of_code_has_what_it_sent_and_raised_below_it(
    columns: int, database: db.Database
) -> None:
    lines = [text for _, text in render_code(ran(TWICE, database), columns)]
    assert max(len(line) for line in lines if "https://" not in line) <= columns

    text = "\n".join(" ".join(line.split()) for line in lines)
    assert f"{FIRST + 5} return (await session.scalars(QUERY)).all()\n> BEGIN; SELECT id" in text
    assert f"{FIRST + 1} QUERY = select(User.id)" in text
    assert "UNUSED" not in text
    assert f"{FIRST + 12} await session.commit()\n> COMMIT 1 round trip" in text
    assert "> on exit: ROLLBACK 1 round trip" in text
    assert "(code dbapi, SQLSTATE 22012 division_by_zero): " in text
    assert f"{FIRST + 20} + users = await read(session)" in text
    assert f"{FIRST + 11} - users = [*await read(session), *await read(session)]" in text
    assert f"{FIRST + 21} await session.commit()" in text  # in the wrong variant too
    assert "\nexplain orm-async-tests explain 9" in text


def test_an_error_that_a_variant_catches_is_shown_on_every_driver(database: db.Database) -> None:
    test5 = Script.of(catalogue.select_one("5").load())
    for driver in DRIVERS:
        driven = db.Database(urls.with_driver(database.url, driver), database.kind, database.label)
        text = "\n".join(text for _, text in render_code(run_script(test5, driven), 100))
        caught = text.partition("variant  refused_then_used")[2].partition("except")[0]
        assert "\n        ! " in caught
        assert "MissingGreenlet" in caught


def test_a_long_line_of_code_is_indented_and_fits(database: db.Database) -> None:
    body = f"""
        @right
        async def one():
            return{{"{"long" * 20}":1}}
    """
    lines = [text for _, text in render_code(ran(body, database), 80)]
    [position] = [number for number, line in enumerate(lines) if "return{" in line]
    first, second = lines[position : position + 2]
    assert max(len(first), len(second)) <= 80
    assert (first[8:12], second[8:20]) == (" " * 4, " " * 12)


def test_an_error_names_its_sqlstate() -> None:
    error = "DBAPIError (code dbapi, SQLSTATE 40P01)"
    event = Event("error", 0, error=error, message="deadlock detected")
    named = "DBAPIError (code dbapi, SQLSTATE 40P01 deadlock_detected): deadlock detected"
    assert describe_error(event) == named
    assert describe_error(Event("error", 0, error="KeyError")) == "KeyError"
    assert name_sqlstate("25P02") == "in_failed_sql_transaction"


def test_code_and_timeline_follow_each_other_and_a_trace_is_written(
    database: db.Database, tmp_path: Path
) -> None:
    result = ran(TWICE, database)
    lines = [text for _, text in render_views(result, 80, code=True, timeline=True)]
    assert lines.count("A claim.") == 2
    assert any(line.startswith("    connection 1") for line in lines)

    write_trace(tmp_path / "trace.json", [result])
    pieces = json.loads((tmp_path / "trace.json").read_text("utf-8"))["traceEvents"]
    assert {piece["args"]["name"] for piece in pieces if piece["name"] == "process_name"} == {
        f"{result.script.command} {variant}: {of}"
        for variant in ("wrong one_by_one", "right at_once")
        for of in ("tasks", "connections")
    }


def test_a_trace_that_cannot_be_written_is_refused_before_the_script_runs(tmp_path: Path) -> None:
    trace = tmp_path / "no folder" / "trace.json"
    arguments = runner.build_parser(script("@right\nasync def one(): pass")).parse_args(
        ["--trace", str(trace), "--db", "no URL"]
    )
    with pytest.raises(CouldNotRun, match="there is no folder"):
        runner._run_with_options(script("@right\nasync def one(): pass"), arguments)


def test_a_script_without_a_right_variant_ends_with_what_to_write(database: db.Database) -> None:
    for command, line in (("76", "execution_options("), ("79", "async with Session()")):
        result = run_script(Script.of(catalogue.select_one(command).load()), database)
        text = "\n".join(text for _, text in render_code(result, 100))
        assert "\n  advice   " in text
        assert re.search(rf"\n  write    .*{re.escape(line)}", text)
    assert "\n  advice" not in "\n".join(text for _, text in render_code(ran(TWICE, database), 100))
