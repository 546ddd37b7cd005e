"""If a pytest fixture with session scope creates the engine, all tests must share one event loop.

By default, pytest-asyncio runs every test in its own event loop. On asyncpg, an engine from a
session-scoped fixture gives later tests a connection of an earlier event loop ("attached to a
different loop"). Set both loop scopes of pytest-asyncio, for fixtures and for tests, to "session".
With AnyIO, define the fixture anyio_backend with the widest scope of your fixtures.

Docs: https://pytest-asyncio.readthedocs.io/en/stable/concepts.html
Docs: https://anyio.readthedocs.io/en/stable/testing.html
Symptom: you get RuntimeError "Event loop is closed".
"""

import sys
from asyncio import to_thread
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import URL

from orm_async_tests.harness import Observation, main_of, right, wrong

ONLY = "asyncpg"
TESTS = """
import pytest
from sqlalchemy.ext.asyncio import create_async_engine
@pytest.fixture(scope="session")
async def engine():
    yield (engine := create_async_engine({url!r}))
    await engine.dispose()
@pytest.mark.parametrize("number", [1, 2])
async def test_connect(engine, number):
    async with engine.connect() as connection:
        await connection.exec_driver_sql("SELECT 42")
"""
BACKEND = '\n@pytest.fixture(scope="session")\ndef anyio_backend(): return "asyncio"'
INI = """[pytest]
addopts = --disable-plugin-autoload -p no:terminal -p no:logging --capture=no
filterwarnings = ignore
{}_mode = auto
"""
FIXTURES, LOOPS = "asyncio_default_fixture_loop_scope", "asyncio_default_test_loop_scope"


class Outcomes(Counter[str]):
    """A pytest plugin that counts the outcomes of tests."""

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed or report.when == "call":
            self[f"{report.outcome} in {report.when}"] += 1


def run_pytest(url: URL, library: str, settings: str = "", fixture: str = "") -> dict[str, int]:
    import pytest
    from anyio import pytest_plugin
    from pytest_asyncio import plugin

    plugins = [outcomes := Outcomes(), plugin if library == "asyncio" else pytest_plugin]
    with TemporaryDirectory() as folder:
        Path(folder, "pytest.ini").write_text(INI.format(library) + settings)
        tests = TESTS.format(url=url.render_as_string(hide_password=False)) + fixture
        Path(folder, f"test_{Path(folder).name}.py").write_text(tests)
        pytest.main([folder], plugins)
    for name in ("last_value", "last_traceback", "last_exc"):
        if hasattr(sys, name):
            delattr(sys, name)  # keeps the connection of a failed test
    return dict(outcomes)


@wrong(leaks=True, warns=True, unhandled=True)
async def per_test(url: URL) -> list[dict[str, int]]:
    """run every pytest-asyncio test in its own event loop, which is the default"""
    return [await to_thread(run_pytest, url, "asyncio")]


@wrong
async def narrow(url: URL) -> list[dict[str, int]]:
    """run every fixture (pytest-asyncio) or every module (AnyIO) in its own event loop"""
    asyncio = await to_thread(run_pytest, url, "asyncio", f"{FIXTURES} = function")
    return [asyncio, await to_thread(run_pytest, url, "anyio")]


@right
async def wide(url: URL) -> list[dict[str, int]]:
    """run all fixtures and tests in one session-scoped event loop"""
    scopes = f"{FIXTURES} = session\n{LOOPS} = session"
    asyncio = await to_thread(run_pytest, url, "asyncio", scopes)
    return [asyncio, await to_thread(run_pytest, url, "anyio", fixture=BACKEND)]


def check(per_test: Observation, narrow: Observation, wide: Observation) -> None:
    assert per_test.value == [{"passed in call": 1, "failed in call": 1}]
    assert narrow.value == [{"failed in setup": 2}, {"failed in setup": 2}]
    assert wide.value == [{"passed in call": 2}, {"passed in call": 2}]


main = main_of(__name__)
