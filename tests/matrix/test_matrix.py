"""A matrix of stacks: what hangs or dies is a result, and a killed run leaves a readable part."""

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
from orm_async_tests.matrix import compare, expected, plans, records
from orm_async_tests.matrix.plans import Plan
from tests.cli.commands import orm
from tests.conftest import with_url
from tests.matrix.runs import run_of, written
from tests.processes import until

SCHEMA = Path(__file__).parent.parent.parent / "docs/matrix.schema.json"


@pytest.fixture
def url(database: db.Database) -> str:
    """This worker's database, as an axis."""
    return database.url.render_as_string(hide_password=False)


def matrix(url: str, output: Path, *arguments: str) -> list[records.Record]:
    """The records of a real run on this database."""
    orm("matrix", "--server", url, "--output", str(output), "--jobs", "1", *arguments)
    return records.read(output)


def test_each_script_has_a_result_on_each_stack(url: str, tmp_path: Path) -> None:
    drivers = ("--driver", "asyncpg", "--driver", "psycopg")
    found = matrix(url, tmp_path / "m.ndjson", "5", "34", *drivers)
    for line in found:
        jsonschema.validate(line, json.loads(SCHEMA.read_text("utf-8")))
    assert set(records.verdicts(found).values()) == {"HOLDS"}
    assert len(records.verdicts(found)) == 4
    assert records.complete(found)
    drivers_named = [each["identity"]["driver"] for each in found if each["record"] == "stack"]
    assert drivers_named == ["asyncpg", "psycopg"]
    [one, _] = records.identities(found).values()
    assert one["settings.server_version_num"].isdecimal()
    assert one["packages.asyncpg"] == one["driver_version"]
    assert one["command"].endswith(
        "orm-async-tests run --driver asyncpg --loop asyncio --pooler ''"
    )


def test_a_script_that_takes_too_long_is_a_timeout_and_the_next_one_is_run(
    url: str, tmp_path: Path
) -> None:
    found = matrix(url, tmp_path / "m.ndjson", "5", "6", "--timeout", "0.01")
    assert [*records.verdicts(found).values()] == ["TIMEOUT", "TIMEOUT"]


def test_what_cannot_be_installed_is_not_run_and_fails(url: str, tmp_path: Path) -> None:
    found = matrix(url, tmp_path / "m.ndjson", "5", "--python", "2.7")
    assert [*records.verdicts(found).values()] == ["NOT RUN"]
    assert len(list(expected.unexpected(found))) == 1


def test_a_database_that_is_away_is_not_run(tmp_path: Path) -> None:
    found = matrix("postgresql://127.0.0.1:1/x", tmp_path / "m.ndjson", "5", "6")
    assert [*records.verdicts(found).values()] == ["NOT RUN", "NOT RUN"]


def test_a_password_is_written_nowhere(url: str, tmp_path: Path, database: db.Database) -> None:
    output, password = tmp_path / "m.ndjson", str(database.url.password)
    done = orm("matrix", "5", "--server", url, "--output", str(output))
    assert records.complete(records.read(output))
    assert [each for each in (output.read_text(), done.stdout) if password in each] == []


def test_a_killed_run_leaves_its_results_and_no_process(
    url: str, tmp_path: Path, database: db.Database
) -> None:
    output = tmp_path / "m.ndjson"
    command = [sys.executable, "-m", "orm_async_tests", "matrix", "--server", url]
    options = ["--jobs", "1", "--output", str(output)]
    with subprocess.Popen([*command, *options], env=with_url(database)) as started:
        until(lambda: output.exists() and len(output.read_text().splitlines()) > 4)
        children = pids_below(started.pid)
        started.send_signal(signal.SIGKILL)
    found = records.read(output)
    assert not records.complete(found)
    assert len(records.verdicts(found)) >= 3
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))


def test_a_run_that_dies_is_a_crash_and_the_rest_is_run(
    url: str, tmp_path: Path, database: db.Database
) -> None:
    output = tmp_path / "m.ndjson"
    command = [sys.executable, "-m", "orm_async_tests", "matrix", "5-8", "--server", url]
    options = ["--jobs", "1", "--output", str(output)]
    with subprocess.Popen([*command, *options], env=with_url(database)) as started:
        until(lambda: runs_below(started.pid))
        os.kill(runs_below(started.pid)[0], signal.SIGKILL)
        assert started.wait() == 1
    assert [*records.verdicts(records.read(output)).values()].count("CRASH") == 1
    assert len(records.verdicts(records.read(output))) == 4


def runs_below(pid: int) -> list[int]:
    """Those of a process's children that run scripts (Linux)."""
    found = []
    for each in pids_below(pid):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            command = Path(f"/proc/{each}/cmdline").read_bytes()
            found += [each] if b"--ndjson" in command else []
    return found


def pids_below(pid: int) -> list[int]:
    """The children of a process (Linux)."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(each) for each in children.read_text().split()] if children.exists() else []


def test_a_regression_is_what_was_good_and_is_not() -> None:
    before = run_of({5: "HOLDS", 6: "BROKEN", 7: "BROKEN", 8: "HOLDS", 9: "HOLDS"})
    after = run_of({5: "BROKEN", 6: "HOLDS", 8: "UPSTREAM", 9: "HOLDS", 10: "HOLDS"})
    kinds = [(each.kind, each.number) for each in compare.changes(before, after)]
    assert kinds == [
        ("regression", 5),
        ("repaired", 6),
        ("gone", 7),
        ("changed", 8),
        ("added", 10),
    ]


def test_diff_exits_with_1_on_a_regression_alone(tmp_path: Path) -> None:
    good = written(tmp_path / "good", run_of({5: "HOLDS", 6: "BROKEN"}))
    bad = written(tmp_path / "bad", run_of({5: "BROKEN"}))
    assert (orm("diff", good, bad).returncode, orm("diff", bad, good).returncode) == (1, 1)
    better = written(tmp_path / "better", run_of({5: "HOLDS"}))
    assert orm("diff", good, better).returncode == 0


def test_shards_are_merged_into_one(tmp_path: Path) -> None:
    files = [
        written(tmp_path / name, run_of({5: "HOLDS"}, stack=name, pooler=""))
        for name in ("one", "two")
    ]
    output, junit = tmp_path / "both", tmp_path / "junit.xml"
    done = orm("merge", *files, "--output", str(output), "--markdown", str(tmp_path / "md"))
    assert done.returncode == 0, done.stderr
    both = records.read(output)
    assert records.complete(both)
    assert [*both[0]["stacks"]] == ["one", "two"]
    assert (tmp_path / "md").read_text().startswith("| stack | HOLDS |\n| --- | --- |\n")
    assert not junit.exists()


def test_junit_names_what_is_unexpected(tmp_path: Path) -> None:
    file = written(tmp_path / "one", run_of({5: "BROKEN", 6: "HOLDS"}, pooler=""))
    junit = tmp_path / "junit.xml"
    assert (
        orm("merge", file, "--output", str(tmp_path / "o"), "--junit", str(junit)).returncode == 1
    )
    cases = ElementTree.parse(junit).getroot().iter("testcase")
    assert [case.find("failure") is not None for case in cases] == [True, False]


def test_two_runs_of_one_stack_are_not_merged(tmp_path: Path) -> None:
    file = written(tmp_path / "one", run_of({5: "HOLDS"}))
    done = orm("merge", file, file, "--output", str(tmp_path / "both"))
    assert (done.returncode, done.stdout) == (2, "")


def test_the_shards_of_a_preset_are_the_preset() -> None:
    parts = [plans.shard(plans.STANDARD, f"{number}/3") for number in (1, 2, 3)]
    assert sorted(plan.name for part in parts for plan in part) == sorted(
        plan.name for plan in plans.STANDARD
    )


def test_the_standard_preset_has_both_drivers_and_pgbouncer() -> None:
    assert len(plans.STANDARD) >= 8
    assert {plan.driver for plan in plans.STANDARD if plan.pooler} == {"asyncpg", "psycopg"}


def test_axes_are_multiplied() -> None:
    found = plans.product_of({"driver": ["asyncpg", "psycopg"], "loop": ["uvloop"], "pooler": []})
    assert found == (Plan(loop="uvloop"), Plan(driver="psycopg", loop="uvloop"))


def test_the_versions_of_a_driver_are_an_axis_of_that_driver_alone() -> None:
    axes = {"driver": ["asyncpg", "psycopg"], "asyncpg": ["0.31.0", "0.32.0"]}
    names = [plan.name.partition(", ")[2] for plan in plans.product_of(axes)]
    assert names == ["asyncpg 0.31.0", "asyncpg 0.32.0", "psycopg"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["matrix", "--preset", "all"],
        ["matrix", "--shard", "3/2"],
        ["matrix", "--shard", "x"],
        ["matrix", "4000"],
        ["matrix", "5", "--output", "/nowhere/m.ndjson"],
        ["diff", "/nowhere/a", "/nowhere/b"],
        ["diff", "/dev/null", "/dev/null"],
    ],
)
def test_what_cannot_be_done_exits_with_2(arguments: list[str]) -> None:
    done = orm(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "type:" in done.stderr


@pytest.mark.parametrize("option", ["--jobs", "--timeout"])
@pytest.mark.parametrize("value", ["0", "-1", "x"])
def test_a_matrix_that_would_run_nothing_exits_with_2(option: str, value: str) -> None:
    done = orm("matrix", "5", option, value)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"argument {option}: invalid" in done.stderr
