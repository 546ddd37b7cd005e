"""What a request costs on the wire, exactly: the table of docs/service.md, row by row."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from orm_async_tests import db
from orm_async_tests.harness.wire.wire import Wire, open_wire
from orm_async_tests.service.app import create_app
from orm_async_tests.service.bulk_insert import FEW
from tests.service.conftest import SETTINGS, serve_app
from tests.service.walkers import GPX, JSON, NDJSON, POINT

SERVICE = (Path(__file__).parents[2] / "docs/service.md").read_text("utf-8")
TABLE = {what: int(trips) for what, trips in re.findall(r"\| (.+?) \| (\d+) \| .* \|\n", SERVICE)}
TRACK = '<trkpt lat="47" lon="12.5"><time>2010-10-03T09:36:30Z</time></trkpt>'
GPX_FILE = "<gpx><trk><trkseg>{}</trkseg></trk></gpx>"
MORE = FEW + 1  # points: these are copied
BODIES = {
    "users": (JSON, json.dumps({"username": "ann"})),
    "points": (JSON, json.dumps(POINT)),
    "bulk": (JSON, json.dumps([POINT])),
    "ndjson": (NDJSON, json.dumps(POINT)),
    "gpx": (GPX, GPX_FILE.format(TRACK)),
    "bulk?more": (JSON, json.dumps([POINT] * MORE)),
    "ndjson?more": (NDJSON, f"{json.dumps(POINT)}\n" * MORE),
    "gpx?more": (GPX, GPX_FILE.format(TRACK * MORE)),
    "{user}": (JSON, json.dumps({"username": "ben"})),
    "{point}": (JSON, json.dumps({"lat": 1.5})),
}
ONE = ["/users", "{user}/points"]
MANY = ["{user}/points/bulk", "{user}/points/ndjson", "{user}/points/gpx"]
COPIED = [f"{each}?more" for each in MANY]
TO_NOBODY = [each.format(user="/users/2147483647") for each in [*ONE[1:], *MANY, *COPIED]]
BETWEEN = "{user}/points?since=2010-10-03T00:00:00Z&until=2011-01-01T00:00:00Z"
READS = ["/users", "{user}", "{user}/points?limit=50", BETWEEN, "{point}", "/users/2147483647"]
CHANGES = [(method, path) for method in ("PATCH", "DELETE") for path in ("{user}", "{point}")]
NEW_KEY, SAME_KEY = {"Idempotency-Key": "{new}"}, {"Idempotency-Key": "again-{new}"}
ANY, OLD = {"If-Match": "*"}, {"If-Match": '"0"'}

Request = tuple[str, str, dict[str, str]]
REQUESTS: dict[str, list[Request]] = {  # by the table's words
    "GET of a user, a point, a page": [("GET", each, {}) for each in READS],
    "GET of a track of fewer than 1000 points": [("GET", "{user}/track.ndjson", {})],
    "POST of a user, or of up to 100 points": [
        ("POST", each, key) for each in [*ONE, *MANY] for key in ({}, NEW_KEY, SAME_KEY)
    ],
    "POST of more points": [("POST", each, {}) for each in COPIED],
    "POST of more points under a key": [("POST", each, NEW_KEY) for each in COPIED],
    "POST of more points under the same key again": [("POST", each, SAME_KEY) for each in COPIED],
    "POST of points for nobody": [("POST", each, {}) for each in TO_NOBODY],
    "POST of points for nobody under a key": [("POST", each, NEW_KEY) for each in TO_NOBODY],
    "PATCH, DELETE": [(*each, ANY) for each in CHANGES],
    "PATCH, DELETE of what has changed": [(*each, OLD) for each in CHANGES],
    "GET of `/health/ready`": [("GET", "/health/ready", {})],
}


class Client:
    """Asks for what belongs to a user of its own."""

    def __init__(self, client: httpx.Client, wire: Wire) -> None:
        self._client, self._wire = client, wire

    def ask(self, request: Request) -> int:
        """The round trips of this request, on a user and a point who are new."""
        method, path, given = request
        user = self.made("/users", {"username": "walker"})
        names = {"user": user, "point": self.made(f"{user}/points", POINT), "new": uuid4().hex}
        media_type, body = BODIES.get(path.rpartition("/")[2], ({}, None))
        headers = media_type | {name: value.format(**names) for name, value in given.items()}
        for _ in range(2 if given == SAME_KEY else 1):
            before = self._wire.round_trips
            self._client.request(method, path.format(**names), content=body, headers=headers)
        return self._wire.round_trips - before

    def made(self, path: str, document: Any) -> str:
        """Where what this makes is."""
        return str(self._client.post(path, json=document).raise_for_status().headers["Location"])


@pytest.fixture(scope="module")
def counted(tables: db.Database) -> Iterator[Client]:
    """A client of a service, and the wire between that and the server."""
    with open_wire(tables.url) as wire:
        assert wire
        with serve_app(create_app(wire.url, SETTINGS)) as client:
            yield Client(client, wire)


@pytest.mark.parametrize("what", REQUESTS)
def test_a_request_takes_as_many_round_trips_as_the_table_says(counted: Client, what: str) -> None:
    for request in REQUESTS[what]:
        counted.ask(request)  # prepares the statements
        assert counted.ask(request) == TABLE[what], request


def test_the_table_has_no_other_request() -> None:
    assert TABLE.keys() == REQUESTS.keys()
