"""The service streams uploads and downloads, stores all points or none, and closes everything."""

import json
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from orm_async_tests import db
from orm_async_tests.service.app import create_app
from orm_async_tests.service.bulk_insert import FEW
from orm_async_tests.service.settings import Settings
from tests.service.conftest import serve_app
from tests.service.walkers import GPX, JSON, NDJSON

POINT = {"lat": 47.0, "lon": 12.5, "date": "2010-10-03T09:36:30.25+00:00"}
FILE = """<?xml version="1.0"?>
<gpx version="1.1" creator="tests" xmlns="http://www.topografix.com/GPX/1/1">
<trk><trkseg>{}</trkseg></trk></gpx>"""
TRACK_POINT = '<trkpt lat="47" lon="12.5"><time>2010-10-03T09:36:30Z</time></trkpt>'


@pytest.mark.parametrize("points", [0, 1, FEW, FEW + 1, 3000])
def test_an_upload_of_ndjson_is_downloaded_unchanged(
    client: httpx.Client, user: int, points: int
) -> None:
    track = "".join(json.dumps({**POINT, "lat": n / 100}) + "\n" for n in range(points))

    upload = client.post(f"/users/{user}/points/ndjson", content=track, headers=NDJSON)
    download = client.get(f"/users/{user}/track.ndjson").text

    assert upload.json() == {"points": points}
    assert [json.loads(line) for line in download.splitlines()] == [
        json.loads(line) for line in track.splitlines()
    ]


def test_a_byte_order_mark_is_allowed_at_the_start_only(client: httpx.Client, user: int) -> None:
    url, line = f"/users/{user}/points/ndjson", json.dumps(POINT)
    assert client.post(url, content=f"\ufeff{line}\n{line}", headers=NDJSON).json() == {"points": 2}
    assert client.post(url, content="\ufeff\n", headers=NDJSON).json() == {"points": 0}
    for content, number in ((f"{line}\n\ufeff{line}", 2), (f"\ufeff\ufeff{line}", 1)):
        response = client.post(url, content=content, headers=NDJSON)
        assert response.status_code == 422
        assert f"line {number}" in response.json()["detail"]


@pytest.mark.parametrize(
    ("kind", "media_type", "content", "other"),
    [
        ("ndjson", NDJSON, f"{json.dumps(POINT)}\n" * 3000, json.dumps(POINT)),
        ("bulk", JSON, json.dumps([POINT, POINT]), json.dumps([POINT])),
        ("gpx", GPX, FILE.format(TRACK_POINT * 2), FILE.format(TRACK_POINT)),
    ],
)
def test_an_upload_that_is_repeated_with_its_key_is_stored_once(
    client: httpx.Client, user: int, kind: str, media_type: dict[str, str], content: str, other: str
) -> None:
    url, headers = (
        f"/users/{user}/points/{kind}",
        {**media_type, "Idempotency-Key": f"{kind}-{user}"},
    )
    first, second = (client.post(url, content=content, headers=headers) for _ in range(2))
    track = client.get(f"/users/{user}/track.ndjson").text

    assert first.status_code == second.status_code == 201
    assert first.json() == second.json() == {"points": len(track.splitlines())}
    assert client.post(url, content=other, headers=headers).status_code == 409


def test_an_invalid_line_is_named_and_nothing_is_added(client: httpx.Client, user: int) -> None:
    lines = [json.dumps(POINT)] * 2500 + [json.dumps({**POINT, "lat": 91})]
    response = client.post(f"/users/{user}/points/ndjson", content="\n".join(lines), headers=NDJSON)

    assert response.status_code == 422
    assert "line 2501" in response.json()["detail"]
    assert client.get(f"/users/{user}/points").json()["items"] == []


def test_a_gpx_file_is_stored_as_a_whole_or_not_at_all(client: httpx.Client, user: int) -> None:
    valid = TRACK_POINT
    invalid = '<trkpt lat="47" lon="12.5"></trkpt>'
    url = f"/users/{user}/points/gpx"

    assert client.post(url, content=FILE.format(valid * 2), headers=GPX).json() == {"points": 2}
    response = client.post(url, content=FILE.format(valid + invalid), headers=GPX)
    assert response.status_code == 422
    assert "point 2" in response.json()["detail"]
    assert client.post(url, content="no gpx", headers=GPX).status_code == 422
    assert len(client.get(f"/users/{user}/points").json()["items"]) == 2


def test_a_track_is_a_geojson_feature(client: httpx.Client, user: int) -> None:
    client.post(f"/users/{user}/points", json=POINT)
    feature = client.get(f"/users/{user}/track.geojson").json()
    assert feature["geometry"] == {"type": "MultiPoint", "coordinates": [[12.5, 47.0]]}


@pytest.fixture(scope="module")
def lasting(tables: db.Database) -> Iterator[httpx.Client]:
    """A client of an application whose live streams last until their client leaves."""
    with serve_app(create_app(tables.url, Settings())) as client:
        yield client


def test_a_live_stream_continues_after_the_last_event(lasting: httpx.Client, user: int) -> None:
    first = lasting.post(f"/users/{user}/points", json=POINT).json()["id"]
    with lasting.stream("GET", f"/users/{user}/live", headers={"Last-Event-ID": "0"}) as stream:
        ids = (line for line in stream.iter_lines() if line.startswith("id:"))
        assert next(ids) == f"id: {first}"
        second = lasting.post(f"/users/{user}/points", json=POINT).json()["id"]
        assert next(ids) == f"id: {second}"
    assert second > first


def test_a_live_stream_ends_when_its_time_is_up(client: httpx.Client, user: int) -> None:
    assert client.get(f"/users/{user}/live").text.startswith(": listening")


@pytest.mark.parametrize("points", [1, FEW + 1])
def test_an_upload_notifies_live_streams(lasting: httpx.Client, user: int, points: int) -> None:
    with lasting.stream("GET", f"/users/{user}/live") as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith(":")
        lasting.post(f"/users/{user}/points/bulk", json=[POINT] * points).raise_for_status()
        assert next(line for line in lines if line.startswith("event:")) == "event: point"


def test_no_connection_is_in_use_after_the_last_response(
    client: httpx.Client, user: int, app: FastAPI
) -> None:
    with client.stream("GET", f"/users/{user}/track.ndjson") as stream:
        stream.read()
    assert client.get("/health/ready").json() == {"status": "ready"}
    assert client.get("/health/live").status_code == 200
    assert "pool_checked_out 0.0" in client.get("/metrics").text
