"""The service can read from another database, unless a client sends Cache-Control: no-cache."""

from collections.abc import Iterator

import httpx
import pytest

from orm_async_tests import db, migrations
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.service.app import create_app
from orm_async_tests.service.settings import Settings
from tests.conftest import create_database
from tests.service.conftest import serve_app

FRESH = {"Cache-Control": "no-cache"}


@pytest.fixture(scope="module")
def client(tables: db.Database) -> Iterator[httpx.Client]:
    """A client of a service that reads from an empty database."""
    with create_database(*migrations.HISTORIES.values()) as standby:
        read_url = standby.url.render_as_string(hide_password=False)
        with serve_app(create_app(tables.url, Settings(read_url=read_url))) as client:
            yield client


@pytest.mark.parametrize("path", ["", "/points", "/track.ndjson", "/track.geojson"])
def test_only_a_read_with_no_cache_sees_the_last_commit(
    client: httpx.Client, user: int, path: str
) -> None:
    url = f"/users/{user}{path}"
    assert client.get(url).status_code == 404
    assert client.get(url, headers=FRESH).status_code == 200


def test_live_points_are_read_from_the_database_of_writes(client: httpx.Client, user: int) -> None:
    with client.stream("GET", f"/users/{user}/live") as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith(":")
        point = {"lat": 47.0, "lon": 12.5, "date": "2010-10-03T09:36:30Z"}
        created = client.post(f"/users/{user}/points", json=point).json()
        assert next(line for line in lines if line.startswith("id:")) == f"id: {created['id']}"


def test_both_pools_are_counted(client: httpx.Client, user: int) -> None:
    client.get("/users")
    metrics = client.get("/metrics").text
    idle = [line for line in metrics.splitlines() if line.startswith("pool_idle")]
    assert "pool_checked_out 0.0" in metrics
    assert float(idle[0].split()[1]) >= 2


def test_a_pooler_needs_a_url_to_listen(tables: db.Database) -> None:
    with pytest.raises(CouldNotRun):
        create_app(tables.url, Settings(pooler=True))
