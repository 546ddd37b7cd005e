"""orm-async-tests bench runs the benchmarks of a checkout, or says how to get a checkout."""

import json
from pathlib import Path

import pytest

from orm_async_tests import cli, db
from orm_async_tests.cli import bench
from tests.cli.test_limited_roles import open_as_role
from tests.conftest import with_url

SIZES = ("--rounds", "1", "--write", "20", "--read", "200", "--gets", "8", "--json")


def run(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run orm-async-tests in this process and return its exit code."""
    monkeypatch.setattr("sys.argv", ["orm-async-tests", *arguments])
    return cli.main()


def test_sqlalchemy_is_measured_beside_asyncpg(
    database: db.Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", with_url(database)["DATABASE_URL"])
    assert run("bench", "get", *SIZES, monkeypatch=monkeypatch) == 0
    [workload] = json.loads(capsys.readouterr().out)["workloads"]
    contenders = {pattern["contender"] for pattern in workload["patterns"]}
    assert contenders == {"asyncpg", "sqlalchemy", "sqlalchemy_tuned", "sqlalchemy_core"}


@pytest.mark.parametrize("arguments", [("nothing",), ("get", "--read", "5", "--gets", "6")])
def test_a_wrong_argument_is_refused(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("bench", *arguments, monkeypatch=monkeypatch) == 2
    assert "fix:" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--rounds", "--write", "--read", "--gets"])
def test_a_count_below_one_is_refused(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("bench", "get", option, "0", monkeypatch=monkeypatch) == 2
    assert "invalid number '0'" in capsys.readouterr().err


def test_a_role_that_may_not_create_a_database_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_as_role("ALL ON SCHEMA public") as database:
        monkeypatch.setenv("DATABASE_URL", with_url(database)["DATABASE_URL"])
        assert run("bench", "get", *SIZES, monkeypatch=monkeypatch) == 2
    assert "fix:   give the role the attribute CREATEDB" in capsys.readouterr().err


def test_without_a_checkout_the_error_says_where_the_benchmarks_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "CHECKOUT", tmp_path)
    assert run("bench", "get", monkeypatch=monkeypatch) == 2
    error = capsys.readouterr().err
    assert "this installation has no benchmarks" in error
    assert f"fix:   clone the repository, and run there: {bench.REPOSITORY_COMMAND}" in error
