"""Writes go to one place, reads may go to another, and a client may insist."""

from collections.abc import Iterator

import httpx
import pytest

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.service.app import create_app
from orm_async_tests.service.settings import Settings
from tests.service.conftest import migrated, served

FRESH = {"Cache-Control": "no-cache"}


@pytest.fixture(scope="module")
def client(tables: db.Database) -> Iterator[httpx.Client]:
    """A client of a service whose reads go to a database that has nothing yet."""
    with migrated() as behind:
        read_url = behind.url.render_as_string(hide_password=False)
        with served(create_app(tables.url, Settings(read_url=read_url))) as made:
            yield made


@pytest.mark.parametrize("path", ["", "/points", "/track.ndjson", "/track.geojson"])
def test_a_read_may_lag_behind_unless_it_may_not(
    client: httpx.Client, user: int, path: str
) -> None:
    where = f"/users/{user}{path}"
    assert client.get(where).status_code == 404
    assert client.get(where, headers=FRESH).status_code == 200


def test_live_points_come_from_where_they_are_written(client: httpx.Client, user: int) -> None:
    with client.stream("GET", f"/users/{user}/live") as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith(":")
        point = {"lat": 47.0, "lon": 12.5, "date": "2010-10-03T09:36:30Z"}
        added = client.post(f"/users/{user}/points", json=point).json()
        assert next(line for line in lines if line.startswith("id:")) == f"id: {added['id']}"


def test_both_pools_are_counted(client: httpx.Client, user: int) -> None:
    client.get("/users")
    figures = client.get("/metrics").text
    idle = [line for line in figures.splitlines() if line.startswith("pool_idle")]
    assert "pool_checked_out 0.0" in figures
    assert float(idle[0].split()[1]) >= 2


def test_a_pooler_needs_a_place_to_listen(tables: db.Database) -> None:
    with pytest.raises(CouldNotRun):
        create_app(tables.url, Settings(pooler=True))
