"""Each request needs the round trips that the table in docs/service.md states."""

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
from orm_async_tests.service.settings import Settings
from tests.service.conftest import serve_app
from tests.service.walkers import GPX, JSON, NDJSON, POINT

DOCUMENT = (Path(__file__).parents[2] / "docs/service.md").read_text("utf-8")
TABLE = {row: int(trips) for row, trips in re.findall(r"\| (.+?) \| (\d+) \| .* \|\n", DOCUMENT)}
TRACK = '<trkpt lat="47" lon="12.5"><time>2010-10-03T09:36:30Z</time></trkpt>'
GPX_FILE = "<gpx><trk><trkseg>{}</trkseg></trk></gpx>"
MORE = FEW + 1  # the service adds so many points with COPY
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
SINGLE = ["/users", "{user}/points"]
FEW_POINTS = ["{user}/points/bulk", "{user}/points/ndjson", "{user}/points/gpx"]
MORE_POINTS = [f"{path}?more" for path in FEW_POINTS]
UNKNOWN = "/users/2147483647"
UNKNOWN_USERS = [path.format(user=UNKNOWN) for path in [SINGLE[1], *FEW_POINTS, *MORE_POINTS]]
RANGE = "{user}/points?since=2010-10-03T00:00:00Z&until=2011-01-01T00:00:00Z"
READS = ["/users", "{user}", "{user}/points?limit=50", RANGE, "{point}"]
CHANGES = [("PATCH", 200), ("DELETE", 204)]
NEW_KEY, SAME_KEY = {"Idempotency-Key": "{new}"}, {"Idempotency-Key": "again-{new}"}
ANY_VERSION, OTHER_VERSION = {"If-Match": "*"}, {"If-Match": '"0"'}

Request = tuple[str, str, dict[str, str], int]  # method, path, headers, expected status
REQUESTS: dict[str, list[Request]] = {  # by the first cell of the row
    "GET of a user, of a point, or of one page of a list": [
        *(("GET", path, {}, 200) for path in READS),
        ("GET", UNKNOWN, {}, 404),
    ],
    "GET of a track of fewer than 1000 points": [("GET", "{user}/track.ndjson", {}, 200)],
    "POST of a user, or of up to 100 points": [
        ("POST", path, key, 201)
        for path in [*SINGLE, *FEW_POINTS]
        for key in ({}, NEW_KEY, SAME_KEY)
    ],
    "POST of more than 100 points": [("POST", path, {}, 201) for path in MORE_POINTS],
    "POST of more than 100 points with an Idempotency-Key": [
        ("POST", path, NEW_KEY, 201) for path in MORE_POINTS
    ],
    "POST of more than 100 points with an Idempotency-Key that was already used": [
        ("POST", path, SAME_KEY, 201) for path in MORE_POINTS
    ],
    "POST of points for an unknown user": [("POST", path, {}, 404) for path in UNKNOWN_USERS],
    "POST of points for an unknown user, with an Idempotency-Key": [
        ("POST", path, NEW_KEY, 404) for path in UNKNOWN_USERS
    ],
    "PATCH or DELETE": [
        (method, path, ANY_VERSION, status)
        for method, status in CHANGES
        for path in ("{user}", "{point}")
    ],
    "PATCH or DELETE with the ETag of an old version": [
        (method, path, OTHER_VERSION, 412)
        for method, _ in CHANGES
        for path in ("{user}", "{point}")
    ],
    "GET of `/health/ready`": [("GET", "/health/ready", {}, 200)],
}


# A response may arrive before its connection is back in the pool. The next request would then use
# another connection, which has prepared other statements.
ONE_CONNECTION = Settings(pool_size=1)


class CountingClient:
    """A client that counts the round trips between the service and its database."""

    def __init__(self, client: httpx.Client, wire: Wire) -> None:
        self._client, self._wire = client, wire

    def count(self, request: Request) -> int:
        """Send the request for a new user and a new point, and return its round trips."""
        method, path, header_templates, status = request
        user = self.create("/users", {"username": "walker"})
        names = {"user": user, "point": self.create(f"{user}/points", POINT), "new": uuid4().hex}
        media_type, body = BODIES.get(path.rpartition("/")[2], ({}, None))
        headers = {name: value.format(**names) for name, value in header_templates.items()}
        arguments: dict[str, Any] = {"content": body, "headers": media_type | headers}
        if header_templates == SAME_KEY:
            self._client.request(method, path.format(**names), **arguments)
        before = self._wire.round_trips
        response = self._client.request(method, path.format(**names), **arguments)
        assert response.status_code == status, response.text
        return self._wire.round_trips - before

    def create(self, path: str, document: Any) -> str:
        """Create a user or a point, and return its path."""
        return str(self._client.post(path, json=document).raise_for_status().headers["Location"])


@pytest.fixture(scope="module")
def counting_client(tables: db.Database) -> Iterator[CountingClient]:
    """A client of a service whose database connections go through a Wire."""
    with open_wire(tables.url) as wire:
        assert wire
        with serve_app(create_app(wire.url, ONE_CONNECTION)) as client:
            yield CountingClient(client, wire)


@pytest.mark.parametrize("row", REQUESTS)
def test_a_request_takes_the_round_trips_of_its_row(
    counting_client: CountingClient, row: str
) -> None:
    for request in REQUESTS[row]:
        counting_client.count(request)  # prepares the statements
        assert counting_client.count(request) == TABLE[row], request


def test_every_row_is_counted() -> None:
    assert TABLE.keys() == REQUESTS.keys()
