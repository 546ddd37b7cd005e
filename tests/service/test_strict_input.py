"""The service refuses values of the wrong type, and says briefly where and why."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.service.walkers import GPX, JSON, NDJSON, POINT

LONG = "x" * 60_000  # nearly as long as a header may be
DATE_FORM = "write a date, a time and a UTC offset, for example 2010-10-03T09:36:30Z"
NUMBER = "Input should be a valid number"

Send = Callable[[httpx.Client, int, dict[str, Any]], httpx.Response]


def post(client: httpx.Client, user: int, point: dict[str, Any]) -> httpx.Response:
    return client.post(f"/users/{user}/points", json=point)


def post_bulk(client: httpx.Client, user: int, point: dict[str, Any]) -> httpx.Response:
    return client.post(f"/users/{user}/points/bulk", json=[point])


def post_ndjson(client: httpx.Client, user: int, point: dict[str, Any]) -> httpx.Response:
    path = f"/users/{user}/points/ndjson"
    return client.post(path, content=json.dumps(point), headers=NDJSON)


def patch(client: httpx.Client, user: int, point: dict[str, Any]) -> httpx.Response:
    created = client.post(f"/users/{user}/points", json=POINT).raise_for_status()
    client.delete(created.headers["Location"], headers={"If-Match": "*"})
    return client.patch(created.headers["Location"], json=point, headers={"If-Match": "*"})


SENDERS = pytest.mark.parametrize("send", [post, post_bulk, post_ndjson, patch])


@SENDERS
@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("lat", True, NUMBER),
        ("lat", "1_0", NUMBER),
        ("lat", "10", NUMBER),
        ("lat", [10], NUMBER),
        ("lon", False, NUMBER),
        ("lon", "10.5", NUMBER),
        ("date", 0, DATE_FORM),
        ("date", -62135596800, DATE_FORM),
        ("date", 1286098590.5, DATE_FORM),
        ("date", True, DATE_FORM),
        ("date", "0", DATE_FORM),
        ("date", "1286098590", DATE_FORM),
        ("date", "2010-10-03", DATE_FORM),
        ("date", "2010-10-03 09:36:30Z", DATE_FORM),
        ("date", "2010-10-03T09:36Z", DATE_FORM),
        ("date", "2010-10-03T09:36:30", DATE_FORM),
        ("date", "2010-10-03T09:36:30+24:00", DATE_FORM),
        ("date", "2010-10-03T09:36:30+0200", DATE_FORM),
        ("date", "2010-10-03T09:36:3\uff10Z", DATE_FORM),
        ("date", " 2010-10-03T09:36:30Z", DATE_FORM),
        ("date", "2010-13-03T09:36:30Z", "month must be in 1..12"),
    ],
)
def test_a_value_of_another_type_or_form_is_refused(
    client: httpx.Client, user: int, send: Send, field: str, value: object, reason: str
) -> None:
    refused = send(client, user, {**POINT, field: value})
    assert refused.status_code == 422
    assert f"{field}: {reason}" in refused.json()["detail"]
    assert client.get(f"/users/{user}/points").json()["items"] == []


@SENDERS
def test_an_integer_beyond_every_float_is_refused(
    client: httpx.Client, user: int, send: Send
) -> None:
    refused = send(client, user, {**POINT, "lat": 10**400})
    assert refused.status_code == 422
    assert "lat: Input should be a" in refused.json()["detail"]


@pytest.mark.parametrize("send", [post, post_bulk, post_ndjson])
@pytest.mark.parametrize(
    ("field", "value", "stored"),
    [
        ("lat", 10, 10.0),
        ("lat", -0.5, -0.5),
        ("lon", 180, 180.0),
        ("date", "2010-10-03t09:36:30z", "2010-10-03T09:36:30Z"),
        ("date", "2010-10-03T09:36:30.5+02:00", "2010-10-03T07:36:30.500000Z"),
        ("date", "2010-10-03T09:36:30.1234567Z", "2010-10-03T09:36:30.123456Z"),
    ],
)
def test_a_number_and_a_date_time_are_stored(
    client: httpx.Client, user: int, send: Send, field: str, value: object, stored: object
) -> None:
    send(client, user, {**POINT, field: value}).raise_for_status()
    (point,) = client.get(f"/users/{user}/points").json()["items"]
    assert point[field] == stored


@pytest.mark.parametrize(
    ("path", "headers", "detail"),
    [
        ("/users/1_0", {}, "path.user_id: write a whole number in decimal digits, for example 10"),
        ("/users/1/points?since=noon", {}, f"query.since: {DATE_FORM}"),
        ("/users/1/points?until=0", {}, f"query.until: {DATE_FORM}"),
        ("/users/1/live", {"Last-Event-ID": "x"}, "header.last-event-id: write a whole number"),
    ],
)
def test_a_wrong_parameter_is_named_without_internals(
    client: httpx.Client, path: str, headers: dict[str, str], detail: str
) -> None:
    refused = client.get(path, headers=headers)
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith(detail)


@pytest.mark.parametrize(
    ("path", "body", "detail"),
    [
        ("/users", b"{", "the body is not JSON: EOF while parsing an object at line 1 column 1"),
        (
            "bulk",
            b"[" * 1000,
            "the body is not JSON: recursion limit exceeded at line 1 column 202",
        ),
        ("bulk", b"[1,\n 2,,]", "the body is not JSON: expected value at line 2 column 4"),
        ("bulk", b"\xff\xfe", "the body is not JSON: expected value at line 1 column 1"),
        (
            "bulk",
            b'["\xff"]',
            "the body is not JSON: invalid unicode code point at line 1 column 3",
        ),
        ("bulk", b"[NaN]", "the body is not JSON: expected value at line 1 column 2"),
        ("ndjson", b"{}}", "line 1: Invalid JSON: trailing characters at column 3; nothing was"),
        ("ndjson", b"\n\n{", "line 3: Invalid JSON: EOF while parsing an object at column 1;"),
    ],
)
def test_a_syntax_error_is_placed(
    client: httpx.Client, user: int, path: str, body: bytes, detail: str
) -> None:
    where = path if path == "/users" else f"/users/{user}/points/{path}"
    headers = NDJSON if path == "ndjson" else JSON
    refused = client.post(where, content=body, headers=headers)
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith(detail)


def test_a_byte_order_mark_is_ignored(client: httpx.Client) -> None:
    body = b'\xef\xbb\xbf{"username": "ann"}'
    assert client.post("/users", content=body, headers=JSON).status_code == 201


@pytest.mark.parametrize("kind", ["bulk", "ndjson", "gpx"])
@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "deflate, gzip", "identity, gzip"])
def test_an_encoded_body_is_a_415_that_says_what_is_supported(
    client: httpx.Client, user: int, kind: str, coding: str
) -> None:
    media_type = {"bulk": JSON, "ndjson": NDJSON, "gpx": GPX}[kind]
    refused = client.post(
        f"/users/{user}/points/{kind}",
        content=gzip.compress(json.dumps([POINT]).encode()),
        headers={**media_type, "Content-Encoding": coding},
    )
    assert refused.status_code == 415
    assert refused.headers["Accept-Encoding"] == "identity"
    assert refused.json()["detail"].endswith("omit Content-Encoding")


def test_a_body_that_is_said_to_be_as_it_is_is_read(client: httpx.Client) -> None:
    headers = {"Content-Encoding": "Identity"}
    assert client.post("/users", json={"username": "ann"}, headers=headers).status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("POST", "/users", JSON, json.dumps({LONG: 1, "username": "ann"})),
        ("POST", "/users", JSON, json.dumps({LONG[n:]: 1 for n in range(10)})),
        ("POST", "/users", JSON, json.dumps({"username": LONG})),
        ("POST", "/users/{user}/points", JSON, json.dumps({**POINT, "lat": LONG})),
        ("POST", "/users/{user}/points", JSON, json.dumps({**POINT, "date": LONG})),
        ("PATCH", "/points/1", {**JSON, "If-Match": "*"}, json.dumps({LONG: 1})),
        ("POST", "/users/{user}/points/bulk", JSON, json.dumps([None] * 100_000)),
        ("POST", "/users/{user}/points/bulk", JSON, json.dumps([{LONG: 1}])),
        ("POST", "/users/{user}/points/ndjson", NDJSON, json.dumps({LONG[:9000]: 1})),
        ("POST", "/users/{user}/points/ndjson", NDJSON, LONG),
        ("POST", "/users/{user}/points/gpx", GPX, f'<?xml version="1.0" encoding="{LONG}"?><gpx/>'),
        ("POST", "/users/{user}/points/gpx", GPX, f"<{LONG}/>"),
        ("POST", "/users/{user}/points/gpx", GPX, f'<gpx xmlns="{LONG}"/>'),
        ("POST", "/users/{user}/points/gpx", GPX, f"<!DOCTYPE {LONG}><gpx/>"),
        ("POST", "/users/{user}/points/gpx", {"Content-Type": LONG}, "<gpx/>"),
        ("POST", "/users", {"Content-Type": LONG}, "{}"),
        ("POST", "/users", {**JSON, "Content-Encoding": LONG}, "{}"),
        ("POST", "/users", {**JSON, "Origin": f"http://{LONG}"}, "{}"),
        ("POST", "/users", {**JSON, "Idempotency-Key": LONG}, '{"username": "ann"}'),
        ("PATCH", "/points/1", {**JSON, "If-Match": LONG}, "{}"),
        ("GET", "/users", {"Host": LONG}, ""),
        ("GET", f"/users/{LONG}", {}, ""),
        ("GET", f"/{LONG}", {}, ""),
        ("GET", f"/users/1/points?since={LONG}", {}, ""),
        ("GET", f"/users?limit={'1' * 5000}", {}, ""),
    ],
    ids=range(25),
)
def test_no_refusal_repeats_a_long_text(
    client: httpx.Client, user: int, method: str, path: str, headers: dict[str, str], body: str
) -> None:
    refused = client.request(method, path.format(user=user), headers=headers, content=body)
    assert 400 <= refused.status_code < 500
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert len(refused.text) < 1000
