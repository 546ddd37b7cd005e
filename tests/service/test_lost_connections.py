"""A connection may die where SQLAlchemy does not wrap the driver's error: still a 503."""

import json

import httpx
from sqlalchemy import event

from orm_async_tests import db
from orm_async_tests.harness.wire import watched
from orm_async_tests.scripts.driver.test172_lost_in_set_up import connect_and_lose
from orm_async_tests.service.app import create_app
from tests.service.conftest import SETTINGS, served
from tests.service.test_limits import busy
from tests.service.walkers import NDJSON, POINT


def loaded(client: httpx.Client, user: int) -> httpx.Response:
    """The answer to an upload."""
    line = json.dumps(POINT)
    return client.post(f"/users/{user}/points/ndjson", content=line, headers=NDJSON)


def test_a_connection_that_dies_while_it_is_set_up_is_a_503(tables: db.Database, user: int) -> None:
    app = create_app(tables.url, SETTINGS)
    with served(app) as client:
        engine = app.state.engines.writing.sync_engine
        event.listen(engine, "do_connect", connect_and_lose, once=True)
        assert busy(loaded(client, user))
        assert loaded(client, user).status_code == 201


def test_a_connection_that_dies_in_copy_is_a_503(tables: db.Database, user: int) -> None:
    with watched(tables.url) as wire:
        assert wire
        with served(create_app(wire.url, SETTINGS)) as client:
            wire.lose_answer(to="COPY ")
            assert busy(loaded(client, user))
            assert loaded(client, user).status_code == 201
