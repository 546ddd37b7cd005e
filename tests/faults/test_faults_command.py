"""orm-async-tests faults: what it prints, and with which code it ends."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from orm_async_tests import cli, db
from orm_async_tests.faults import known

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    database: db.Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """The command on this worker's database: its exit code, and what it printed."""
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


def test_a_known_defect_that_is_not_shown_is_an_error(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    cured = replace(known.COPY_BEFORE_BEGIN, works=frozenset({"commit"}))
    monkeypatch.setattr(known, "KNOWN", (cured,))
    code, out, _ = run("--pattern", "commit", "--fault", "timeout")
    assert code == 1
    assert "known, and not shown: BEGIN is sent" in out


def test_work_of_ones_own_is_found_by_module_and_function(run: Run) -> None:
    own = "tests.faults.test_sweep:commits_twice"
    rows = ("--rows", "select count(*) from users")
    code, out, _ = run("--pattern", own, *rows, "--fault", "timeout")
    assert code == 1
    assert f"asyncpg/asyncio/{own}/timeout-suspended/" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ("--pattern", "nothing"),
        ("--pattern", "nowhere:nothing"),
        ("--fault", "flood"),
        ("--fault", "kill", "--pattern", "tests.faults.test_sweep:commits_twice"),
        ("--point", "asyncpg/asyncio/add/cancel-never/1"),
        ("--point", "oracle/asyncio/add/cancel-ready/1"),
    ],
    ids=" ".join,
)
def test_what_is_not_known_ends_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    code, _, err = run(*arguments)
    assert code == 2
    assert f"where: {arguments[0]}" in err
