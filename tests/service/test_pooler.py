"""The service works through PgBouncer, which may change the server connection."""

import asyncio
import json

import httpx
import pytest

from orm_async_tests import db
from orm_async_tests.harness.environment.requirements import PGBOUNCER, find_missing
from orm_async_tests.postgres import pgbouncer, private_server
from orm_async_tests.service.settings import PREFIX
from tests.service.crashes import check_ledger
from tests.service.service_process import run_service
from tests.service.walkers import NDJSON, POINT, run_walkers


@pytest.mark.thorough
def test_the_service_works_through_pgbouncer(home: object) -> None:
    if missing := find_missing(PGBOUNCER, wire=True):
        pytest.skip(str(missing))
    with private_server() as server, pgbouncer(url := db.socket_url(server.login)) as pooler:
        pooled = pooler.start(pool_mode="transaction", default_pool_size="3")
        direct = url.render_as_string(hide_password=False)
        settings = {f"{PREFIX}LISTEN_URL": direct, f"{PREFIX}POOLER": "true"}
        # A second service would give the same names to its prepared statements.
        with run_service(pooled, **settings) as service, run_service(pooled, **settings):
            ledger = asyncio.run(run_walkers(service.url, clients=20, seconds=2))
            asyncio.run(check_ledger(ledger, url))
            assert ledger.lost == 0
            with httpx.Client(base_url=service.url) as client:
                check_streams(client)


def check_streams(client: httpx.Client) -> None:
    """Assert that COPY, a long track and LISTEN work."""
    user = client.post("/users", json={"username": "walker"}).headers["Location"]
    with client.stream("GET", f"{user}/live") as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith(":")
        track = f"{json.dumps(POINT)}\n" * 6000
        loaded = client.post(f"{user}/points/ndjson", content=track, headers=NDJSON)
        assert next(line for line in lines if line.startswith("event:")) == "event: point"
    assert loaded.json() == {"points": 6000}
    assert len(client.get(f"{user}/track.ndjson").text.splitlines()) == 6000
