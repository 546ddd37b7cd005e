"""Choosing the database, and the messages about a database that cannot be used."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from orm_async_tests import db, urls
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.stack_options import DRIVERS

URL = "postgresql://me:secret@127.0.0.1:1/db"  # nothing listens on port 1


async def _connect(database: db.Database) -> None:
    async with db.connect(database, "tests"):
        pass


def fail_to_connect(database: db.Database) -> CouldNotRun:
    """Connect to a database that cannot be used, and return the error."""
    with pytest.raises(CouldNotRun) as refusal:
        asyncio.run(_connect(database))
    return refusal.value


def test_the_option_wins_over_database_url_which_wins_over_orm_async_db(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert db.choose().kind == "embedded"
    monkeypatch.setenv("ORM_ASYNC_DB", "compose")
    assert db.choose().kind == "compose"
    monkeypatch.setenv("DATABASE_URL", URL)
    assert db.choose().source == "DATABASE_URL"
    assert db.choose("embedded").source == "--db"


@pytest.mark.parametrize("url", ["postgres://h/d", "postgresql://h/d", "postgresql+asyncpg://h/d"])
def test_a_url_without_a_driver_gets_asyncpg(url: str) -> None:
    assert urls.parse_url(url, "--db").drivername == "postgresql+asyncpg"


@pytest.mark.parametrize("text", ["nonsense", "mysql://h/d", "postgresql+psycopg2://h/d", "://"])
def test_a_url_of_another_database_or_driver_is_refused(text: str) -> None:
    with pytest.raises(CouldNotRun):
        db.choose(text)


@settings(deadline=None)
@given(strategies.text())
def test_every_text_either_chooses_a_database_or_is_refused(text: str) -> None:
    with suppress(CouldNotRun):
        assert db.choose(text).kind in ("embedded", "compose", "url")


def test_a_driver_can_be_chosen_and_an_unknown_one_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ORM_ASYNC_DRIVER", "psycopg")
    assert db.choose_driver(make_url(URL), None).drivername == "postgresql+psycopg"
    with pytest.raises(CouldNotRun):
        db.choose_driver(make_url(URL), "pg8000")


@pytest.mark.parametrize("port", ["", "5433"])
def test_a_variable_sets_the_port_of_compose(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("ORM_ASYNC_COMPOSE_PORT", port or "5432")
    assert db.compose_url().port == int(port or "5432")


@pytest.mark.parametrize("port", ["many", "0", "99999", "-1", "5432.0"])
def test_an_invalid_port_of_compose_is_refused(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("ORM_ASYNC_COMPOSE_PORT", port)
    with pytest.raises(CouldNotRun):
        db.choose("compose")


@pytest.mark.parametrize("driver", DRIVERS)
def test_the_error_names_an_unreachable_server_without_its_password(driver: str) -> None:
    with db.open_database(URL, driver) as database:
        message = str(fail_to_connect(database))
    assert "127.0.0.1:1" in message
    assert "secret" not in message


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(("password", "name"), [("wrong", "postgres"), (None, "nothing")])
def test_a_server_that_refuses_the_connection_is_named(
    database: db.Database, driver: str, password: str | None, name: str
) -> None:
    url = urls.with_driver(database.url, driver).set(
        password=password or database.url.password, database=name
    )
    assert fail_to_connect(replace(database, url=url)).where == database.label


def test_a_connection_that_the_server_ends_is_named(database: db.Database) -> None:
    async def end_backend() -> None:
        async with db.connect(database, "tests") as connection:
            await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(CouldNotRun, match="the connection was lost") as refusal:
        asyncio.run(end_backend())
    assert refusal.value.where == database.label


def test_a_lost_connection_is_named_after_an_error_elsewhere(database: db.Database) -> None:
    async def end_backend() -> None:
        async with db.connect(database, "tests") as lost, db.connect(database, "tests") as other:
            pid = await lost.scalar(text("SELECT pg_backend_pid()"))
            await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            raise RuntimeError

    with pytest.raises(CouldNotRun, match="the connection was lost"):
        asyncio.run(end_backend())


def test_an_error_on_a_live_connection_is_not_changed(database: db.Database) -> None:
    async def fail() -> None:
        async with db.connect(database, "tests") as connection:
            with suppress(DBAPIError):
                await connection.execute(text("SELECT 1 / 0"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        asyncio.run(fail())
