"""How a Wire counts round trips and cuts connections, tested with single messages."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import URL

from orm_async_tests import db
from orm_async_tests.harness.wire.wire import Wire, open_wire

QUERY, ANSWER = b"Q\0\0\0\x0dSELECT 1\0", b"Z\0\0\0\x05I"
TERMINATE, CANCEL = b"X\0\0\0\x04", b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x01\0\0\0\x02"

Server = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Conversation = Callable[[Wire, Server, Server], Awaitable[None]]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose path is short enough for a socket."""
    return tmp_path_factory.mktemp("w")


def spoken(folder: Path, conversation: Conversation) -> None:
    """Let a client and a server exchange these bytes through a Wire."""
    asyncio.run(_spoken(folder, conversation))


async def _spoken(folder: Path, conversation: Conversation) -> None:
    accepted = asyncio.Queue[Server]()
    server = await asyncio.start_unix_server(
        lambda *both: accepted.put_nowait(both), folder / ".s.PGSQL.5432"
    )
    url = URL.create("postgresql+asyncpg", query={"host": str(folder)})
    async with server:
        with open_wire(url) as wire:
            assert wire is not None
            path = f"{wire.url.query['host']}/.s.PGSQL.5432"
            client = await asyncio.open_unix_connection(path)
            behind = await accepted.get()
            try:
                await asyncio.wait_for(conversation(wire, client, behind), 10)
            finally:
                client[1].close()
                behind[1].close()


async def passed(sent: bytes, by: Server, to: Server) -> None:
    """Send these bytes, and wait until they have arrived."""
    by[1].write(sent)
    assert await to[0].readexactly(len(sent)) == sent


def test_requests_before_an_answer_are_one_round_trip(folder: Path) -> None:
    async def conversation(wire: Wire, client: Server, server: Server) -> None:
        await passed(QUERY, client, server)
        await passed(QUERY, client, server)
        assert wire.round_trips == 1
        await passed(ANSWER, server, client)
        await passed(ANSWER, server, client)
        assert wire.round_trips == 1
        await passed(QUERY, client, server)
        assert wire.round_trips == 2

    spoken(folder, conversation)


def test_the_rows_of_copy_are_no_round_trip(folder: Path) -> None:
    async def conversation(wire: Wire, client: Server, server: Server) -> None:
        await passed(b"Q\0\0\0\x11COPY a FROM\0", client, server)
        await passed(b"d\0\0\0\x061\n", client, server)
        await passed(b"G\0\0\0\x07\0\0\0", server, client)
        await passed(b"d\0\0\0\x062\n", client, server)
        assert wire.round_trips == 1
        await passed(ANSWER, server, client)
        await passed(QUERY, client, server)
        assert wire.round_trips == 2
        await passed(b"G\0\0\0\x07\0\0\0" + ANSWER, server, client)
        await passed(QUERY, client, server)
        assert wire.round_trips == 3

    spoken(folder, conversation)


@pytest.mark.parametrize("message", [TERMINATE, CANCEL], ids=["Terminate", "CancelRequest"])
def test_what_is_never_answered_is_no_round_trip(folder: Path, message: bytes) -> None:
    async def conversation(wire: Wire, client: Server, server: Server) -> None:
        await passed(message, client, server)
        assert wire.round_trips == 0

    spoken(folder, conversation)


@pytest.mark.parametrize("cut", range(1, len(b"SELECT 1")))
def test_an_answer_is_lost_wherever_its_request_was_cut(folder: Path, cut: int) -> None:
    async def conversation(wire: Wire, client: Server, server: Server) -> None:
        wire.lose_answer("SELECT 1")
        at = QUERY.index(b"SELECT 1") + cut
        await passed(QUERY[:at], client, server)
        await passed(QUERY[at:], client, server)
        server[1].write(ANSWER)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await client[0].readexactly(1)

    spoken(folder, conversation)


def test_an_answer_to_a_longer_word_is_not_lost(folder: Path) -> None:
    async def conversation(wire: Wire, client: Server, server: Server) -> None:
        wire.lose_answer("SELEC")
        await passed(QUERY, client, server)
        await passed(ANSWER, server, client)

    spoken(folder, conversation)


def test_a_server_that_hangs_up_is_heard(folder: Path) -> None:
    async def conversation(_: Wire, client: Server, server: Server) -> None:
        server[1].close()
        assert await client[0].read() == b""

    spoken(folder, conversation)


@pytest.mark.parametrize(
    "query",
    [{"ssl": "require"}, {"sslmode": "verify-full"}, {"host": ("one", "two")}],
    ids=["ssl", "sslmode", "two hosts"],
)
def test_tls_and_several_hosts_have_no_wire(query: dict[str, str]) -> None:
    with open_wire(URL.create("postgresql+asyncpg", query=query)) as wire:
        assert wire is None


def test_nobody_else_may_connect_to_a_wire(database: db.Database) -> None:
    with open_wire(database.url) as wire:
        assert wire is not None
        assert Path(str(wire.url.query["host"])).stat().st_mode & 0o077 == 0
