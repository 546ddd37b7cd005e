"""Database URLs are checked, and translated for the drivers."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings, strategies
from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from orm_async_tests import db, urls
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.wire.wire import can_watch
from orm_async_tests.stack_options import DRIVERS
from tests.odd_urls import WRONG


@pytest.mark.parametrize("text", [*WRONG, "postgresql://h/\udcff"])
def test_a_url_that_no_driver_understands_is_refused_by_name(text: str) -> None:
    with pytest.raises(CouldNotRun) as refused:
        urls.parse_url(text, "--db")
    assert "--db" in refused.value.where


@pytest.mark.parametrize(
    ("query", "asyncpg", "psycopg"),
    [
        ("sslmode=require", "ssl=require", "sslmode=require"),
        ("ssl=prefer", "ssl=prefer", "sslmode=prefer"),
        ("connect_timeout=3", "timeout=3", "connect_timeout=3"),
        ("timeout=3", "timeout=3", "connect_timeout=3"),
        ("host=one,two&port=1,2", "host=one:1&host=two:2", "host=one:1&host=two:2"),
        ("host=one,two&port=1", "host=one:1&host=two:1", "host=one:1&host=two:1"),
        ("host=one:1&host=two", "host=one:1&host=two:5432", "host=one:1&host=two:5432"),
        ("host=/tmp", "host=/tmp", "host=/tmp"),
        (
            "application_name=a b",
            "dsn=postgresql%3A%2F%2F%3Fapplication_name%3Da%2Bb",
            "application_name=a b",
        ),
    ],
)
def test_a_parameter_is_translated_for_each_driver(query: str, asyncpg: str, psycopg: str) -> None:
    url = urls.parse_url(f"postgresql:///d?{query}", "--db")
    for driver, expected in (("asyncpg", asyncpg), ("psycopg", psycopg)):
        translated = urls.with_driver(url, driver)
        assert translated == make_url(f"postgresql+{driver}:///d?{expected}")
        assert urls.with_driver(translated, driver) == translated
        assert urls.portable(translated) == url.set(drivername=f"postgresql+{driver}")


@pytest.mark.parametrize(
    ("query", "driver"),
    [("keepalives_idle=5", "asyncpg"), ("command_timeout=5", "psycopg")],
)
def test_a_parameter_of_the_other_driver_is_refused_by_name(query: str, driver: str) -> None:
    url = urls.parse_url(f"postgresql://h/d?{query}", "--db")
    with pytest.raises(CouldNotRun, match=f"{driver} has no connection parameter {query[:-2]}"):
        urls.with_driver(url, driver, "--db")


@pytest.mark.parametrize("port", ["abc", "1e3", "5432x"])
def test_a_port_that_is_no_number_is_named(port: str) -> None:
    with pytest.raises(CouldNotRun) as refusal:
        urls.parse_url(f"postgresql://u:p@h:{port}/d", "--db")
    assert "the port" in refusal.value.problem


def test_host_port_user_and_database_may_stand_in_the_query() -> None:
    url = urls.parse_url("postgresql://?host=h&port=5&user=u&password=p&dbname=d", "--db")
    assert url == make_url("postgresql+asyncpg://u:p@h:5/d")


def test_no_password_is_shown() -> None:
    url = urls.parse_url("postgresql://u:one@h/d?sslpassword=two", "--db")
    assert urls.hide_secrets(url) == "postgresql+asyncpg://u:***@h/d?sslpassword=hidden"


def test_libpq_gets_its_own_parameters_without_the_password() -> None:
    text = "postgresql://u:p@/d?host=one:1&host=two:2&command_timeout=5&options=-c a"
    assert urls.libpq_parameters(urls.with_driver(urls.parse_url(text, "--db"), "asyncpg")) == {
        "user": "u",
        "dbname": "d",
        "host": "one,two",
        "port": "1,2",
        "options": "-c a",
    }


@settings(deadline=None)
@given(
    strategies.dictionaries(
        strategies.sampled_from([*urls.PARAMETERS, *urls.ALIASES, *urls.FIELDS, "host", "port"]),
        strategies.text(max_size=8) | strategies.sampled_from(["1", "require", "a:1,b", "/tmp"]),
    ),
    strategies.sampled_from(DRIVERS),
)
def test_every_query_is_translated_or_refused(query: dict[str, str], driver: str) -> None:
    text = URL.create("postgresql", query=query).render_as_string()
    with suppress(CouldNotRun):
        url = urls.with_driver(urls.parse_url(text, "--db"), driver, "--db")
        create_async_engine(url).dialect.create_connect_args(url)
        assert urls.with_driver(url, driver) == url


def _query(database: db.Database, sql: str) -> object:
    async def query() -> object:
        async with db.connect(database, "tests") as connection:
            return (await connection.exec_driver_sql(sql)).scalar()

    return asyncio.run(query())


@pytest.fixture(params=DRIVERS)
def open_with(request: pytest.FixtureRequest, database: db.Database) -> Callable[..., db.Database]:
    """Return a function that adds parameters to the URL of this worker's database."""

    def add(**query: str) -> db.Database:
        text = database.url.update_query_dict(query).render_as_string(hide_password=False)
        url = urls.with_driver(urls.parse_url(text, "tests"), request.param)
        return db.Database(url, "url", "with parameters")

    return add


def test_the_parameters_reach_the_server(open_with: Callable[..., db.Database]) -> None:
    opened = open_with(options="-c statement_timeout=7s", connect_timeout="9", sslmode="disable")
    assert _query(opened, "SHOW statement_timeout") == "7s"


def test_an_import_adds_no_listener() -> None:
    program = """
from sqlalchemy import Engine, event
from orm_async_tests import db, urls
print(event.contains(Engine, "do_connect", urls._convert_timeout))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_a_server_that_does_not_answer_is_given_up_after_connect_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        text = (
            f"postgresql://127.0.0.1:{silent.getsockname()[1]}/d?connect_timeout=1&sslmode=disable"
        )
        url = urls.with_driver(urls.parse_url(text, "--db"), "asyncpg")
        with pytest.raises(CouldNotRun, match="no connection: TimeoutError"):
            _query(db.Database(url, "url", "silent"), "SELECT 1")


@pytest.mark.parametrize("host", ["nowhere.invalid", "x" * 70, "a..b", "/nowhere", "\u2603"])
@pytest.mark.parametrize("driver", DRIVERS)
def test_a_host_that_leads_nowhere_is_no_traceback(driver: str, host: str) -> None:
    url = URL.create(f"postgresql+{driver}", "u", host=host, database="d")
    with pytest.raises(CouldNotRun, match="no connection"):
        _query(db.Database(url, "url", "nowhere"), "SELECT 1")


@pytest.mark.parametrize(
    ("query", "is_countable"),
    [("", True), ("sslmode=disable", True), ("sslmode=prefer", False), ("host=a,b", False)],
)
@pytest.mark.parametrize("driver", DRIVERS)
def test_round_trips_are_counted_on_one_host_without_tls(
    driver: str, query: str, is_countable: bool
) -> None:
    url = urls.with_driver(urls.parse_url(f"postgresql:///d?{query}", "--db"), driver)
    assert can_watch(url) is is_countable
