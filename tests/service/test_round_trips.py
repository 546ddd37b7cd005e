"""What a request costs on the wire: a read one round trip, a write three."""

from collections.abc import Iterator

import httpx
import pytest

from orm_async_tests import db
from orm_async_tests.harness.wire import Wire, watched
from orm_async_tests.service.app import create_app
from tests.service.conftest import SETTINGS, served
from tests.service.walkers import POINT

ANY = {"If-Match": "*"}


@pytest.fixture(scope="module")
def counted(tables: db.Database) -> Iterator[tuple[httpx.Client, Wire]]:
    """A client of a service, and the wire between that and the server."""
    with watched(tables.url) as wire:
        assert wire
        with served(create_app(wire.url, SETTINGS)) as client:
            yield client, wire


@pytest.fixture(scope="module")
def where(counted: tuple[httpx.Client, Wire]) -> tuple[str, str]:
    """Where a user is, and a point."""
    client, _ = counted
    user = client.post("/users", json={"username": "walker"}).headers["Location"]
    return user, client.post(f"{user}/points", json=POINT).headers["Location"]


@pytest.mark.parametrize(
    ("method", "path", "body", "round_trips"),
    [
        ("GET", "/users", None, 1),
        ("GET", "{user}", None, 1),
        ("GET", "{user}/points?limit=50", None, 1),
        ("GET", "{user}/points?since=2010-10-03T00:00:00Z&until=2011-01-01T00:00:00Z", None, 1),
        ("GET", "/users/2147483647/points", None, 1),
        ("GET", "{point}", None, 1),
        ("POST", "/users", {"username": "ann"}, 3),
        ("PATCH", "{user}", {"username": "ben"}, 3),
        ("PATCH", "{point}", {"lat": 1.5}, 3),
    ],
)
def test_a_request_takes_so_many_round_trips(
    counted: tuple[httpx.Client, Wire],
    where: tuple[str, str],
    method: str,
    path: str,
    body: object,
    round_trips: int,
) -> None:
    client, wire = counted
    address = path.format(user=where[0], point=where[1])

    def ask() -> int:
        before = wire.round_trips
        client.request(method, address, json=body, headers=ANY)
        return wire.round_trips - before

    ask()  # prepares the statement
    assert ask() == round_trips
