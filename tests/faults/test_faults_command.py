"""orm-async-tests faults: what it prints, and with which code it ends."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orm_async_tests import cli, db
from orm_async_tests.faults import known, patterns
from orm_async_tests.faults.kinds import KINDS
from orm_async_tests.faults.outcome import parse
from orm_async_tests.faults.remembered import remembered
from tests.faults import test_sweep

OWN = "tests.faults.test_sweep:commits_twice"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    database: db.Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Run:
    """The command on this worker's database: its exit code, and what it printed."""
    monkeypatch.setenv("ORM_ASYNC_HOME", str(tmp_path))  # where what failed is kept
    monkeypatch.setenv("DATABASE_URL", database.url.render_as_string(hide_password=False))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["orm-async-tests", "faults", *arguments])
        code = cli.main()
        return code, *capsys.readouterr()

    return run


def test_a_pattern_without_violations_ends_with_0(run: Run) -> None:
    code, out, err = run("--pattern", "commit", "--fault", "cancel")
    assert code == 0, out + err
    assert "10 points: 0 violations, 0 by known defects, 0 unresolved, 4 ambiguous" in out


def test_the_trap_is_known_and_its_points_can_be_run_again(run: Run) -> None:
    code, out, err = run("--pattern", "copy_first", "--fault", "timeout", "--json")
    assert code == 0, out + err
    [cell] = json.loads(out)["cells"]
    assert cell["violations"]
    assert all(each["known"] for each in cell["violations"])
    partly = [each["point"] for each in cell["violations"] if "partly" in each["broken"]]

    code, out, _ = run("--point", partly[-1])  # at the first, the COPY may not be answered yet
    assert code == 1
    assert "partly: changed by (500,), the whole is (501,)" in out


def test_the_map_and_the_document_have_every_point(run: Run, tmp_path: Path) -> None:
    svg = tmp_path / "faults.svg"
    code, out, _ = run("--pattern", "commit", "--fault", "timeout", "--svg", str(svg), "--json")
    assert code == 0
    [cell] = json.loads(out)["cells"]
    assert list(cell["verdicts"]) == [str(at) for at in range(1, cell["points"] + 1)]
    assert set(cell["verdicts"].values()) == {"pass", "ambiguous"}
    drawn = svg.read_text("utf-8")
    assert f"{cell['points']} points: 0 violations" in drawn
    assert ">timeout-suspended<" in drawn


def test_a_known_defect_that_is_not_shown_is_an_error(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    cured = replace(known.COPY_BEFORE_BEGIN, works=frozenset({"commit"}))
    monkeypatch.setattr(known, "KNOWN", (cured,))
    code, out, _ = run("--pattern", "commit", "--fault", "timeout")
    assert code == 1
    assert "known, and not shown: BEGIN is sent" in out


def test_work_of_ones_own_is_found_by_module_and_function(run: Run) -> None:
    rows = ("--rows", "select count(*) from users")
    code, out, _ = run("--pattern", OWN, *rows, "--fault", "timeout")
    assert code == 1
    assert f"asyncpg/asyncio/{OWN}/timeout-suspended/" in out


def test_what_failed_is_run_first_until_it_passes(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = ("--pattern", OWN, "--rows", "select count(*) from users", "--fault", "timeout")
    kept = remembered(tmp_path, OWN, "asyncpg", "asyncio")
    code, _, err = run(*sweep)
    assert code == 1
    assert "last time" not in err
    failed = kept.points(["timeout"])
    assert failed

    code, _, err = run(*sweep)
    assert code == 1
    assert f"{OWN}: what failed last time comes first ({len(failed)})" in err
    assert [f"fails again: {each.token} at" in err for each in failed] == [True] * len(failed)
    assert err.index("fails again") < err.index("timeout-suspended:")

    monkeypatch.setattr(test_sweep, "commits_twice", patterns.add)  # it is corrected
    code, _, err = run("--point", failed[0].token, *sweep[2:4])
    assert code == 0
    assert kept.points(["timeout"]) == failed[1:]
    code, _, err = run(*sweep)
    assert code == 0
    assert err.count("passes now") == len(failed) - 1
    assert not kept.path.exists()


def test_what_failed_by_other_faults_stays_kept(tmp_path: Path) -> None:
    kept = remembered(tmp_path, "add", "asyncpg", "asyncio")
    cancel, reset = (
        parse(f"asyncpg/asyncio/add/{each}/3") for each in ("cancel-ready", "fin-after")
    )
    kept.replace(["cancel", "fin"], [cancel, reset])
    kept.replace(["cancel"], [])
    assert kept.points(["cancel", "fin"]) == [reset]
    assert remembered(tmp_path, "add", "psycopg", "asyncio").points(["cancel", "fin"]) == []


def test_a_fault_of_another_release_is_not_run_again(tmp_path: Path) -> None:
    kept = remembered(tmp_path, "add", "asyncpg", "asyncio")
    kept.path.parent.mkdir()
    kept.path.write_text("asyncpg/asyncio/add/earthquake-ready/3\n", "utf-8")
    assert kept.points(KINDS) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--pattern", "nothing"),
        ("--pattern", "nowhere:nothing"),
        ("--fault", "flood"),
        ("--fault", "kill", "--pattern", "tests.faults.test_sweep:commits_twice"),
        ("--point", "asyncpg/asyncio/add/cancel-never/1"),
        ("--point", "asyncpg/asyncio/add/cancel-ready/0"),
        ("--point", "asyncpg/asyncio/add/cancel-ready/300"),
        ("--svg", "nowhere/faults.svg"),
        ("--point", "oracle/asyncio/add/cancel-ready/1"),
    ],
    ids=" ".join,
)
def test_what_is_not_known_ends_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    code, _, err = run(*arguments)
    assert code == 2
    assert f"where: {arguments[0]}" in err


def test_work_that_no_fault_can_reach_ends_with_2(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "idle_work.py").write_text("async def idle(engine): ...\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    code, _, err = run("--pattern", "idle_work:idle", "--fault", "cancel")
    assert code == 2
    assert "it has no fault point" in err
