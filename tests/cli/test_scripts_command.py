"""orm-async-tests list, run and explain, and a script's own command."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from orm_async_tests import catalogue, db
from orm_async_tests.harness.definitions.variants import LARGEST
from orm_async_tests.harness.environment import requirements, script_database
from orm_async_tests.harness.script import Script
from tests.cli.commands import call, lazy_loading, orm, orm_process
from tests.conftest import execute, with_url
from tests.processes import WAITED_FOR, until

ROOT = Path(__file__).parent.parent.parent
SCHEMA = json.loads((ROOT / "docs/result.schema.json").read_text("utf-8"))
HANG = 600  # seconds after which a test gives up

SLEEPING_SCRIPT = '''"""A variant that sleeps for ten minutes."""

from sqlalchemy import text
from orm_async_tests.harness import main_of, right


@right
async def asleep(session):
    """sleep"""
    await session.execute(text("SELECT pg_sleep(600)"))


def check(asleep):
    assert asleep.error is None


main = main_of(__name__)
'''


def test_list_names_every_script_under_its_chapter() -> None:
    listed = orm("list").stdout
    assert [
        script.command for script in catalogue.read_scripts() if script.claim not in listed
    ] == []


@pytest.mark.parametrize("name", ["implicit_io", "implicit-io"])
def test_list_of_one_chapter_names_no_other_script(name: str) -> None:
    scripts = {script.chapter: script for script in catalogue.read_scripts()}
    listed = orm("list", "--chapter", name).stdout
    assert scripts["implicit_io"].claim in listed
    assert scripts["streaming"].claim not in listed
    both = orm("list", "--chapter", name, "--chapter", "streaming").stdout
    assert scripts["implicit_io"].claim in both
    assert scripts["streaming"].claim in both


def test_list_since_a_version_names_the_scripts_about_its_new_features() -> None:
    listed = orm("list", "--since", "2.1").stdout
    assert " test137 " in listed
    assert " test5 " not in listed
    newer = orm("list", "--since", "999")
    assert (newer.returncode, newer.stdout) == (1, "")
    assert newer.stderr.startswith("no script is about a feature of SQLAlchemy 999\n")


def test_run_prints_a_line_for_each_script_and_a_summary(database: db.Database) -> None:
    done = orm("run", "5-6", on=database)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["HOLDS", "HOLDS", "2"]


def test_run_as_json_is_one_document_in_the_documented_form(database: db.Database) -> None:
    documents = [
        json.loads(orm("run", "5", "34", "--json", on=database).stdout),
        json.loads(lazy_loading("--json", on=database).stdout),
    ]
    for document in documents:
        jsonschema.validate(document, SCHEMA)
    assert [result["number"] for result in documents[0]["results"]] == [5, 34]


def test_an_unknown_option_is_refused_with_a_remedy(database: db.Database) -> None:
    refused = {
        "orm-async-tests list": orm("list", "--foo"),
        "orm-async-tests db url": orm("db", "url", "--foo"),
        "orm-async-tests": orm("--foo", "list"),
    }
    for command, done in refused.items():
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            f"unrecognized arguments: --foo\n  where: {command}\n"
            f"  fix:   see the options: {command} --help\n"
        )
    script = lazy_loading("--foo", on=database)
    assert (script.returncode, script.stdout) == (2, "")
    assert script.stderr.startswith("unrecognized arguments: --foo\n  where: ")
    assert script.stderr.endswith(" --help\n")


def test_json_and_ndjson_exclude_each_other() -> None:
    done = orm("run", "5", "--json", "--ndjson")
    assert (done.returncode, done.stdout) == (2, "")
    assert "argument --ndjson: not allowed with argument --json" in done.stderr


def test_run_as_ndjson_is_one_document_for_each_result(database: db.Database) -> None:
    lines = orm("run", "5", "34", "--ndjson", on=database).stdout.splitlines()
    documents = [json.loads(line) for line in lines]
    for document in documents:
        jsonschema.validate(document, SCHEMA)
    assert [document["results"][0]["number"] for document in documents] == [5, 34]


def test_on_sqlite_only_scripts_that_need_no_postgresql_run() -> None:
    done = orm("run", "5", "14", "--driver", "aiosqlite", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    jsonschema.validate(document, SCHEMA)
    assert (document["stack"]["driver"], document["stack"]["postgresql"]) == ("aiosqlite", "")
    assert [result["verdict"] for result in document["results"]] == ["SKIPPED", "HOLDS"]
    assert {variant["round_trips"] for variant in document["results"][1]["variants"]} == {None}


def test_at_least_twenty_five_scripts_hold_on_sqlite_too() -> None:
    scripts = [Script.of(file.load()) for file in catalogue.read_scripts()]
    assert sum(script.also == "aiosqlite" for script in scripts) >= 25


def test_a_script_runs_behind_a_pooler_and_records_it(database: db.Database) -> None:
    if missing := requirements.find_missing(requirements.PGBOUNCER, wire=True):
        pytest.skip(str(missing))
    done = orm("run", "5", "--pooler", "session", "--json", on=database)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["stack"]["pooler"].startswith("PgBouncer ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "--all", "5"],
        ["run", "--all", "--chapter", "loading"],
        ["run", "5", "--pooler", "statement"],
        ["run", "14", "--driver", "aiosqlite", "--pooler", "session"],
        ["run", "14", "--driver", "aiosqlite", "--db", "embedded"],
        ["run", "4000"],
        ["run", "x"],
        ["run", "--chapter", "nothing"],
        ["run", "5", "--chapter", "loading"],
        ["list", "--since", "nothing"],
        ["list", "--since", ""],
        ["faults", "--point", ""],
        ["faults", "--rows", ""],
        ["matrix", "--list", "--server", ""],
        ["list", "--path", "--chapter", "loading"],
        ["list", "--path", "session"],
        ["run", "5", "--db", "nonsense"],
        ["run", "5", "--require", "nonsense"],
        ["run", "5", "--require", "binaries,pgbouncer>=99"],
        ["run", "5", "--driver", "nothing"],
        ["run", "5", "--json", "--code"],
        ["run", "5", "--ndjson", "--timeline"],
        ["run", "5", "--db", "postgresql://127.0.0.1:1/x"],
        ["explain", "4000"],
        ["nonsense"],
    ],
)
def test_a_wrong_argument_exits_with_2(arguments: list[str]) -> None:
    done = orm(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "variables", "remedy"),
    [
        (["--pooler", "bad"], {}, "session or --pooler transaction or"),
        (["--driver", "bad"], {}, "choose asyncpg, psycopg or aiosqlite"),
        ([], {"ORM_ASYNC_DRIVER": "aiosqlite"}, "choose asyncpg or psycopg"),
    ],
)
def test_an_unknown_driver_or_pooler_mode_is_refused_with_the_valid_values(
    arguments: list[str], variables: dict[str, str], remedy: str
) -> None:
    done = orm("run", "5", *arguments, env=variables)
    assert (done.returncode, done.stdout) == (2, "")
    assert "db: " not in done.stderr
    assert remedy in done.stderr


@pytest.mark.parametrize(
    ("number", "option", "minimum"), [("1", "--points", 1000), ("2", "--rows", 5000)]
)
def test_a_script_names_the_limits_of_an_option(number: str, option: str, minimum: int) -> None:
    main = catalogue.select_one(number).load().main
    for value in (f"{minimum - 1}", f"{LARGEST + 1}", "9" * 5000, "many", ""):
        done = call(main, option, value)
        assert done.returncode == 2
        assert f"at least {minimum} and at most {LARGEST}" in done.stderr


def test_a_script_prints_no_code_as_json() -> None:
    done = call(catalogue.select_one("5").load().main, "--json", "--timeline")
    assert (done.returncode, done.stdout) == (2, "")
    assert "where: --timeline" in done.stderr


def test_a_run_of_skipped_scripts_exits_with_77(database: db.Database) -> None:
    url = database.url.update_query_dict({"ssl": "prefer"})  # round trips cannot be counted
    done = orm("run", "22", on=db.Database(url, "url", "with TLS"))
    assert done.returncode == 77, done.stderr


def test_list_path_prints_the_scripts_to_read_first_with_their_lessons() -> None:
    listed = orm("list", "--path").stdout
    assert [
        line
        for script, lesson in catalogue.learning_path()
        for line in (script.claim, lesson)
        if line not in listed
    ] == []


def test_explain_prints_the_text_and_the_code_of_every_script_that_is_named() -> None:
    explained = orm("explain", "5-7").stdout
    assert "selectinload(User.points)" in explained
    assert [
        script.command for script in catalogue.select(["5-7"]) if script.why not in explained
    ] == []


def test_a_script_prints_no_colors_without_a_terminal(
    database: db.Database,
) -> None:
    done = lazy_loading(on=database)
    assert done.returncode == 0, done.stderr
    assert "\n  HOLDS\n  = " in done.stdout
    assert "\x1b" not in done.stdout


def test_a_script_refuses_an_interpreter_without_assertions(database: db.Database) -> None:
    module = catalogue.select_one("5").module
    command = [sys.executable, "-O", "-m", module]
    done = subprocess.run(command, env=with_url(database), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")


async def _run_while_locked(database: db.Database) -> str:
    """Return what a command prints on standard error while it waits for the database."""
    async with script_database.open_script_database(database):
        waiting = asyncio.create_task(asyncio.to_thread(orm_process, "run", "5", on=database))
        async with db.connect(database, "tests", isolation_level="AUTOCOMMIT") as connection:
            async with asyncio.timeout(HANG):
                while not await connection.scalar(WAITED_FOR, {"locktype": "advisory"}):
                    continue
    done = await waiting
    assert done.returncode == 0
    return done.stderr


def test_a_second_command_waits_for_the_first_and_says_so(database: db.Database) -> None:
    [database_line, waiting_line] = asyncio.run(_run_while_locked(database)).splitlines()
    assert database_line.startswith("db: ")
    assert "wait" in waiting_line


@pytest.mark.thorough
def test_a_closed_pipe_ends_a_command_without_a_traceback(database: db.Database) -> None:
    piped = f'"{sys.executable}" -m orm_async_tests run 5 --json | true'
    done = subprocess.run(
        ["/bin/sh", "-c", piped], env=with_url(database), capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr


@pytest.mark.thorough
def test_control_c_ends_a_command_without_a_traceback(database: db.Database) -> None:
    command = [sys.executable, "-m", "orm_async_tests", "run", "2", "-v"]
    with subprocess.Popen(
        command, env=with_url(database), stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("db: ")  # the script runs now
        process.send_signal(signal.SIGINT)
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 130


def test_control_c_inside_a_variant_ends_its_query_without_a_traceback(
    database: db.Database, tmp_path: Path
) -> None:
    script = tmp_path / "test999_asleep.py"
    script.write_text(SLEEPING_SCRIPT)
    command = [sys.executable, str(script)]
    with subprocess.Popen(
        command, env=with_url(database), stderr=subprocess.PIPE, text=True
    ) as process:
        _wait_for_queries("pg_sleep(600", 1, database)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 130
    _wait_for_queries("pg_sleep(600", 0, database)


def _wait_for_queries(text: str, count: int, database: db.Database) -> None:
    """Wait until `count` other backends of the database run a query that contains the text."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
        f" AND datname = current_database() AND query LIKE '%{text}%'"
    )
    until(lambda: execute(database, query) == [count])
