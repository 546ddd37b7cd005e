"""A Wire counts round trips over Unix sockets and TCP, and can lose an answer."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from orm_async_tests import catalogue, db, urls
from orm_async_tests.harness.run.runner import run_script
from orm_async_tests.harness.script import Script
from orm_async_tests.stack_options import DRIVERS
from orm_async_tests.verdicts import HOLDS
from tests.harness.example_scripts import ran

LEDGER = "test22"  # the script that counts


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while some := await reader.read(65536):
            writer.write(some)
            await writer.drain()
    writer.close()


class Forwarder:
    """Forwards a TCP port of this machine to a server's Unix socket."""

    def __init__(self, socket: str) -> None:
        self.port = 0
        self._socket = socket
        self._listening = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()

    def run(self) -> None:
        """Forward connections in this thread."""
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        server.close()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_unix_connection(self._socket)
        await asyncio.gather(_pass_on(reader, ours), _pass_on(theirs, writer))

    def __enter__(self) -> "Forwarder":
        self._thread = threading.Thread(target=self.run)
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()


@pytest.fixture
def by_tcp(database: db.Database) -> Iterator[db.Database]:
    """The database of this worker, with a URL that has a host and a port."""
    with Forwarder(f"{database.url.query['host']}/.s.PGSQL.5432") as forwarder:
        url = database.url.difference_update_query(["host"])
        url = url.set(host="127.0.0.1", port=forwarder.port)
        yield db.Database(url, "url", "by TCP")


@pytest.mark.parametrize("driver", DRIVERS)
def test_round_trips_to_a_host_and_port_are_counted(by_tcp: db.Database, driver: str) -> None:
    [entry] = [script for script in catalogue.read_scripts() if script.command == LEDGER]
    url = urls.with_driver(by_tcp.url, driver)
    result = run_script(Script.of(entry.load()), db.Database(url, "url", "by TCP"))
    assert result.verdict.word == HOLDS


LOSES_ONE = """
    from sqlalchemy.exc import DBAPIError
    @variant
    async def go(session, wire):
        wire.lose_answer(to="SELECT 41")
        answers = [await session.scalar(text("SELECT 40"))]
        try:
            answers.append(await session.scalar(text("SELECT 41")))
        except DBAPIError as error:
            answers.append(error.connection_invalidated)
        await session.rollback()
        answers.append(await session.scalar(text("SELECT 41")))
        return answers
    def check(go):
        assert go.value == [40, True, 41]
"""


@pytest.mark.parametrize("driver", DRIVERS)
def test_one_answer_is_lost_with_its_connection(database: db.Database, driver: str) -> None:
    url = urls.with_driver(database.url, driver)
    assert ran(LOSES_ONE, db.Database(url, "url", "")).verdict.word == HOLDS


KILLED = """
    import time
    @variant
    async def go(engine, activity, wire):
        async with engine.connect() as connection:
            raw = await connection.get_raw_connection()
            wire._loop.call_soon_threadsafe(time.sleep, 0.3)  # as on a busy machine
            killed = await activity.terminate()
            return [killed, raw.driver_connection.is_closed()]
    def check(go):
        assert go.value == [1, True]
"""


def test_who_is_killed_can_know_it_at_once_though_the_wire_is_late(database: db.Database) -> None:
    result = ran(KILLED, database)
    assert result.verdict.word == HOLDS, result.verdict.reason
