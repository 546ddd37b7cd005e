"""Behind PgBouncer, which gives each transaction another connection, the service works as usual."""

import asyncio
import json

import httpx
import pytest

from orm_async_tests import db
from orm_async_tests.harness.environment.requirements import PGBOUNCER, find_missing
from orm_async_tests.postgres import pgbouncer, private_server
from orm_async_tests.service.settings import PREFIX
from tests.service.crashes import told_the_truth
from tests.service.processes import serving
from tests.service.walkers import NDJSON, POINT, run_walkers


def test_it_works_through_pgbouncer(home: object) -> None:
    if reason := find_missing(PGBOUNCER, wire=True):
        pytest.skip(reason)
    with private_server() as server, pgbouncer(url := db.socket_url(server.login)) as pooler:
        through = pooler.start(pool_mode="transaction", default_pool_size="3")
        past = url.render_as_string(hide_password=False)
        settings = {f"{PREFIX}LISTEN_URL": past, f"{PREFIX}POOLER": "true"}
        # A second one beside it: each process gives the same names to what it prepares.
        with serving(through, **settings) as service, serving(through, **settings):
            ledger = asyncio.run(run_walkers(service.url, clients=20, seconds=2))
            asyncio.run(told_the_truth(ledger, url))
            assert ledger.lost == 0
            with httpx.Client(base_url=service.url) as client:
                streams_work(client)


def streams_work(client: httpx.Client) -> None:
    """What holds a connection for longer: COPY, a server-side cursor, LISTEN."""
    where = client.post("/users", json={"username": "walker"}).headers["Location"]
    with client.stream("GET", f"{where}/live") as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith(":")
        track = f"{json.dumps(POINT)}\n" * 6000
        loaded = client.post(f"{where}/points/ndjson", content=track, headers=NDJSON)
        assert next(line for line in lines if line.startswith("event:")) == "event: point"
    assert loaded.json() == {"points": 6000}
    assert len(client.get(f"{where}/track.ndjson").text.splitlines()) == 6000
