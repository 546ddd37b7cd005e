"""In every kind of request, the service stores a date to the microsecond or refuses it."""

import json
from collections.abc import Callable

import httpx
import pytest

from tests.service.walkers import GPX, JSON, NDJSON

POINT = {"lat": 47.0, "lon": 12.5, "date": "2010-10-03T09:36:30Z"}
TRACK = '<gpx><trk><trkseg><trkpt lat="47" lon="12.5"><time>{}</time></trkpt></trkseg></trk></gpx>'
ENDS = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z")  # asyncpg's infinities (test171)
BEYOND = "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59.999999-01:00"
INSIDE = ("0001-01-01T00:00:00.000001Z", "9999-12-31T23:59:59.999998Z")

Send = Callable[[httpx.Client, str, str], httpx.Response]  # takes the path of points, and a date


def document(date: str) -> str:
    """Return the JSON of a point with this date."""
    return json.dumps({**POINT, "date": date})


def single(client: httpx.Client, points: str, date: str) -> httpx.Response:
    return client.post(points, content=document(date), headers=JSON)


def bulk(client: httpx.Client, points: str, date: str) -> httpx.Response:
    return client.post(f"{points}/bulk", content=f"[{document(date)}]", headers=JSON)


def ndjson(client: httpx.Client, points: str, date: str) -> httpx.Response:
    return client.post(f"{points}/ndjson", content=document(date), headers=NDJSON)


def gpx(client: httpx.Client, points: str, date: str) -> httpx.Response:
    return client.post(f"{points}/gpx", content=TRACK.format(date), headers=GPX)


def patch(client: httpx.Client, points: str, date: str) -> httpx.Response:
    created = client.post(points, json=POINT)
    tag = {"If-Match": created.headers["ETag"]}
    return client.patch(created.headers["Location"], json={"date": date}, headers=tag)


SENDERS = pytest.mark.parametrize("send", [single, bulk, ndjson, gpx, patch])


@SENDERS
@pytest.mark.parametrize("date", [*ENDS, *BEYOND])
def test_a_date_at_either_end_or_beyond_is_refused_with_the_limits(
    client: httpx.Client, user: int, send: Send, date: str
) -> None:
    refused = send(client, f"/users/{user}/points", date)
    assert refused.status_code == 422
    limits = "must lie after 0001-01-01T00:00:00+00:00 and before 9999-12-31T23:59:59.999999+00:00"
    assert limits in refused.json()["detail"]
    track = client.get(f"/users/{user}/track.ndjson").text
    assert date.removesuffix("Z") not in track


@SENDERS
@pytest.mark.parametrize("date", INSIDE)
def test_a_date_next_to_an_end_comes_back_and_goes_in_again(
    client: httpx.Client, user: int, send: Send, date: str
) -> None:
    points = f"/users/{user}/points"
    send(client, points, date).raise_for_status()
    track = client.get(f"/users/{user}/track.ndjson").text

    assert client.post(f"{points}/ndjson", content=track, headers=NDJSON).json() == {"points": 1}
    assert [point["date"] for point in client.get(points).json()["items"]] == [date, date]


def test_a_range_may_be_all_of_time(client: httpx.Client, user: int) -> None:
    client.post(f"/users/{user}/points", json=POINT).raise_for_status()
    since, until = ENDS
    page = client.get(f"/users/{user}/points", params={"since": since, "until": until})
    assert len(page.json()["items"]) == 1
