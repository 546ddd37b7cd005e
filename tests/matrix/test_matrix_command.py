"""The commands orm-async-tests matrix, merge and diff."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from orm_async_tests import db
from orm_async_tests.matrix import plans, records
from orm_async_tests.matrix.expected_differences import find_unexpected
from orm_async_tests.matrix.plans import Plan
from orm_async_tests.matrix.summaries import compare_verdicts
from tests.cli.commands import orm
from tests.conftest import with_url
from tests.matrix.sample_records import make_records, write_records
from tests.processes import until

SCHEMA = Path(__file__).parent.parent.parent / "docs/matrix.schema.json"


@pytest.fixture
def url(database: db.Database) -> str:
    """The URL of this worker's database, for the option --server."""
    return database.url.render_as_string(hide_password=False)


def run_matrix(url: str, output: Path, *arguments: str) -> list[records.Record]:
    """Run a matrix on this database and return its records."""
    orm("matrix", "--server", url, "--output", str(output), "--jobs", "1", *arguments)
    return records.read(output)


def test_every_script_has_a_result_on_every_stack(
    url: str, tmp_path: Path, database: db.Database
) -> None:
    drivers = ("--driver", "asyncpg", "--driver", "psycopg")
    run = run_matrix(url, tmp_path / "m.ndjson", "5", "34", *drivers)
    for record in run:
        jsonschema.validate(record, json.loads(SCHEMA.read_text("utf-8")))
    assert set(records.verdicts(run).values()) == {"HOLDS"}
    assert len(records.verdicts(run)) == 4
    assert records.is_complete(run)
    [identity, other] = records.identities(run).values()
    assert (identity["driver"], other["driver"]) == ("asyncpg", "psycopg")
    assert str(database.url.password) not in (tmp_path / "m.ndjson").read_text("utf-8")
    assert identity["settings.server_version_num"].isdecimal()
    assert identity["packages.asyncpg"] == identity["driver_version"]
    assert identity["command"].endswith(
        "orm-async-tests run --driver asyncpg --loop asyncio --pooler ''"
    )


def test_a_script_that_takes_too_long_is_a_timeout_and_the_next_one_runs(
    url: str, tmp_path: Path
) -> None:
    run = run_matrix(url, tmp_path / "m.ndjson", "5", "6", "--timeout", "0.01")
    assert [*records.verdicts(run).values()] == ["TIMEOUT", "TIMEOUT"]


@pytest.mark.parametrize("version", ["2.0.999", pytest.param("2.0", marks=pytest.mark.thorough)])
def test_a_stack_that_cannot_be_installed_is_not_run(
    version: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    run = run_matrix(url, tmp_path / "m.ndjson", "5", "--sqlalchemy", version)
    assert [*records.verdicts(run).values()] == ["NOT RUN"]
    assert len(list(find_unexpected(run))) == 1


def test_a_preset_omits_a_python_that_is_not_installed(tmp_path: Path) -> None:
    nothing = {"PATH": str(tmp_path), "PYENV_ROOT": str(tmp_path)}
    done = orm("matrix", "--list", "--preset", "full", env=nothing)
    pythons = {name.partition(",")[0] for name in done.stdout.splitlines()}
    assert (done.returncode, pythons) == (0, {f"python {plans.PYTHON_VERSION}"})
    assert done.stderr.count("The matrix omits Python 3.") == 2
    named = orm("matrix", "--python", "3.11", "--python", "3.12", "--python", "3.13", env=nothing)
    assert (named.returncode, named.stdout) == (2, "")


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("--python=3.10", "the scripts need Python >=3.11, not 3.10"),
        ("--python=3.11.7", "'3.11.7' is not a minor version of Python"),
        ("9999", "there is no script 9999"),
        ("--sqlalchemy=1.4", "the scripts support sqlalchemy from 2.0.24 on, not '1.4'"),
        ("--sqlalchemy=2.0.9", "the scripts support sqlalchemy from 2.0.24 on, not '2.0.9'"),
        ("--asyncpg=new", "the scripts support asyncpg from 0.30.0 on, not 'new'"),
        ("--junit=j.xml", "--junit has no effect beside --list"),
    ],
)
def test_a_list_of_stacks_that_cannot_run_is_refused(word: str, problem: str) -> None:
    done = orm("matrix", "--list", word)
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in done.stderr


def test_the_python_that_runs_the_matrix_need_not_be_on_the_path(tmp_path: Path) -> None:
    nothing = {"PATH": str(tmp_path), "PYENV_ROOT": str(tmp_path)}
    done = orm("matrix", "--list", "--python", plans.PYTHON_VERSION, env=nothing)
    assert (done.returncode, done.stdout) == (0, f"python {plans.PYTHON_VERSION}, asyncpg\n")


def test_a_folder_of_a_server_is_used_even_if_the_environment_names_a_database() -> None:
    run = "orm-async-tests run --driver asyncpg --loop asyncio --pooler ''"
    server = "DATABASE_URL=embedded ORM_ASYNC_PG_BIN='postgres 15/bin'"
    assert Plan(server="postgres 15/bin").command == f"{server} {run}"
    assert Plan(server="postgres://host/x").command == f"DATABASE_URL=postgres://host/x {run}"
    assert Plan().command == run


def test_scripts_on_an_unreachable_database_are_not_run(tmp_path: Path) -> None:
    run = run_matrix("postgresql://127.0.0.1:1/x", tmp_path / "m.ndjson", "5", "6")
    assert [*records.verdicts(run).values()] == ["NOT RUN", "NOT RUN"]
    assert "(from --server)" in run[-2]["reason"]


def test_the_url_of_another_database_is_refused(tmp_path: Path) -> None:
    done = orm("matrix", "5", "--server", "mysql://host/x", "--output", str(tmp_path / "m.ndjson"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "--server" in done.stderr
    assert [*tmp_path.iterdir()] == []


@pytest.mark.thorough
def test_a_killed_run_leaves_its_results_and_no_process(
    url: str, tmp_path: Path, database: db.Database
) -> None:
    output = tmp_path / "m.ndjson"
    command = [sys.executable, "-m", "orm_async_tests", "matrix", "--server", url]
    options = ["--jobs", "1", "--output", str(output)]
    with subprocess.Popen([*command, *options], env=with_url(database)) as started:
        until(lambda: output.exists() and len(output.read_text().splitlines()) > 4)
        children = children_of(started.pid)
        started.send_signal(signal.SIGKILL)
    run = records.read(output)
    assert not records.is_complete(run)
    assert len(records.verdicts(run)) >= 3
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))


def test_a_script_whose_process_dies_is_a_crash_and_the_rest_runs(
    url: str, tmp_path: Path, database: db.Database
) -> None:
    output = tmp_path / "m.ndjson"
    command = [sys.executable, "-m", "orm_async_tests", "matrix", "5-8", "--server", url]
    options = ["--jobs", "1", "--output", str(output)]
    with subprocess.Popen([*command, *options], env=with_url(database)) as started:
        [run, *_] = until(lambda: runs_below(started.pid))
        os.kill(run, signal.SIGKILL)
        assert started.wait() == 1
    assert [*records.verdicts(records.read(output)).values()].count("CRASH") == 1
    assert len(records.verdicts(records.read(output))) == 4


def runs_below(pid: int) -> list[int]:
    """Return the child processes that run scripts. Works only on Linux."""
    pids = []
    for child in children_of(pid):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            command = Path(f"/proc/{child}/cmdline").read_bytes()
            pids += [child] if b"--ndjson" in command else []
    return pids


def children_of(pid: int) -> list[int]:
    """Return the child processes of a process. Works only on Linux."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(text) for text in children.read_text().split()] if children.exists() else []


def test_a_regression_is_a_script_that_passed_and_no_longer_does() -> None:
    before = make_records({5: "HOLDS", 6: "BROKEN", 7: "BROKEN", 8: "HOLDS", 9: "HOLDS"})
    after = make_records({5: "BROKEN", 6: "HOLDS", 8: "UPSTREAM", 9: "HOLDS", 10: "HOLDS"})
    changes = compare_verdicts(records.verdicts(before), records.verdicts(after))
    kinds = [(change.kind, change.number) for change in changes]
    assert kinds == [
        ("regression", 5),
        ("repaired", 6),
        ("removed", 7),
        ("changed", 8),
        ("added", 10),
    ]


def test_diff_exits_with_1_for_a_regression_or_a_partial_run(tmp_path: Path) -> None:
    good = write_records(tmp_path / "good", make_records({5: "HOLDS", 6: "BROKEN"}))
    bad = write_records(tmp_path / "bad", make_records({5: "BROKEN"}))
    assert (orm("diff", good, bad).returncode, orm("diff", bad, good).returncode) == (1, 1)
    better = write_records(tmp_path / "better", make_records({5: "HOLDS"}))
    assert orm("diff", good, better).returncode == 0
    partial = write_records(tmp_path / "partial", make_records({5: "HOLDS"})[:-1])
    assert orm("diff", good, partial).returncode == 1


def test_shards_are_merged_into_one(tmp_path: Path) -> None:
    files = [
        write_records(tmp_path / name, make_records({5: "HOLDS"}, stack=name, pooler=""))
        for name in ("one", "two")
    ]
    output, junit = tmp_path / "both", tmp_path / "junit.xml"
    done = orm("merge", *files, "--output", str(output), "--markdown", str(tmp_path / "md"))
    assert done.returncode == 0, done.stderr
    both = records.read(output)
    assert records.is_complete(both)
    assert [*both[0]["stacks"]] == ["one", "two"]
    counts = "| stack | HOLDS |\n| --- | --- |\n| one | 1 |\n| two | 1 |\n"
    assert (tmp_path / "md").read_text() == counts
    assert not junit.exists()


def test_junit_has_a_failure_for_each_unexpected_result(tmp_path: Path) -> None:
    file = write_records(tmp_path / "one", make_records({5: "BROKEN", 6: "HOLDS"}, pooler=""))
    junit = tmp_path / "junit.xml"
    assert (
        orm("merge", file, "--output", str(tmp_path / "o"), "--junit", str(junit)).returncode == 1
    )
    cases = ElementTree.parse(junit).getroot().iter("testcase")
    assert [case.find("failure") is not None for case in cases] == [True, False]


def test_two_runs_of_one_stack_are_not_merged(tmp_path: Path) -> None:
    file = write_records(tmp_path / "one", make_records({5: "HOLDS"}))
    done = orm("merge", file, file, "--output", str(tmp_path / "both"))
    assert (done.returncode, done.stdout) == (2, "")


def test_the_shards_of_a_preset_are_the_preset() -> None:
    parts = [plans.take_shard(plans.STANDARD, f"{number}/3") for number in (1, 2, 3)]
    assert sorted(plan.name for part in parts for plan in part) == sorted(
        plan.name for plan in plans.STANDARD
    )


def test_the_standard_preset_has_both_drivers_and_pgbouncer() -> None:
    assert len(plans.STANDARD) >= 8
    assert {plan.driver for plan in plans.STANDARD if plan.pooler} == {"asyncpg", "psycopg"}


def test_axes_are_combined() -> None:
    combined = plans.combine({"driver": ["asyncpg", "psycopg"], "loop": ["uvloop"], "pooler": []})
    assert combined == (Plan(loop="uvloop"), Plan(driver="psycopg", loop="uvloop"))


def test_the_versions_of_a_driver_are_an_axis_of_that_driver_alone() -> None:
    axes = {"driver": ["asyncpg", "psycopg"], "asyncpg": ["0.31.0", "0.32.0"]}
    names = [plan.name.partition(", ")[2] for plan in plans.combine(axes)]
    assert names == ["asyncpg 0.31.0", "asyncpg 0.32.0", "psycopg"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["matrix", "--preset", "all"],
        ["matrix", "--preset", "full", "--driver", "asyncpg"],
        ["matrix", "5", "--psycopg", "3.2.3"],
        ["matrix", "5", "--asyncpg", "0.31.0", "--driver", "psycopg"],
        ["matrix", "5", "--python", "3.99"],
        ["matrix", "5", "--python", "**"],
        ["matrix", "--shard", "3/2"],
        ["matrix", "--shard", "x"],
        ["matrix", "4000"],
        ["matrix", "5", "--output", "/nowhere/m.ndjson"],
        ["matrix", "5", "--markdown", "/nowhere/m.md"],
        ["matrix", "5", "--junit", "/"],
    ],
)
def test_a_wrong_argument_exits_with_2(arguments: list[str]) -> None:
    done = orm(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "fix:" in done.stderr


@pytest.mark.parametrize("option", ["--driver", "--loop", "--pooler"])
def test_an_axis_without_such_a_value_is_refused(option: str) -> None:
    done = orm("matrix", "5", option, "x")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"argument {option}: invalid choice: 'x'" in done.stderr


@pytest.mark.parametrize("option", ["--jobs", "--timeout"])
@pytest.mark.parametrize("value", ["0", "-1", "x"])
def test_a_matrix_that_would_run_nothing_exits_with_2(option: str, value: str) -> None:
    done = orm("matrix", "5", option, value)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"argument {option}: invalid" in done.stderr
