"""Behind PgBouncer, which gives each transaction another connection, the service works as usual."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import URL

from orm_async_tests import db
from orm_async_tests.postgres import private_server, supervisor
from orm_async_tests.service.settings import PREFIX
from tests.processes import until
from tests.service.crashes import told_the_truth
from tests.service.processes import serving
from tests.service.walkers import NDJSON, POINT, walked

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
PORT = 6432
CONFIG = """
[databases]
{database} = host={query[host]} user={username} password={password}
[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = 3
"""


@contextmanager
def pooled(url: URL, folder: Path) -> Iterator[URL]:
    """The URL of the same database through PgBouncer, on a socket in this folder."""
    assert PGBOUNCER
    config = folder / "pgbouncer.ini"
    config.write_text(CONFIG.format(folder=folder, **url._asdict()))
    command = [PGBOUNCER, "-q", str(config)]
    process = subprocess.Popen(command, preexec_fn=supervisor.in_child)  # it refuses root as well
    try:
        until((folder / f".s.PGSQL.{PORT}").exists)
        yield url.set(port=PORT, query={"host": str(folder)})
    finally:
        process.terminate()
        process.wait()


@pytest.mark.skipif(PGBOUNCER is None, reason="there is no PgBouncer: apt-get install pgbouncer")
def test_it_works_through_pgbouncer(home: object, tmp_path: Path) -> None:
    with private_server() as server:
        url = db.socket_url(server.login)
        past = {f"{PREFIX}LISTEN_URL": url.render_as_string(hide_password=False)}
        with (
            pooled(url, tmp_path) as through,
            serving(through, **past, **{f"{PREFIX}POOLER": "true"}) as service,
        ):
            ledger = asyncio.run(walked(service.url, clients=20, seconds=2))
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
