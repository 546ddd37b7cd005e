"""The service answers an unusual request with the status of its error, and never with 500."""

import json
import re
import socket

import httpx
import pytest

from tests.service.walkers import GPX, JSON, NDJSON

DEEP = "[" * 100_000 + "]" * 100_000
HUGE = str(10**30)

BODIES: list[tuple[str, bytes, int]] = [
    ("/users", b"", 422),
    ("/users", b"null", 422),
    ("/users", b"[]", 422),
    ("/users", b"{", 422),
    ("/users", b"\xff\xfe", 422),
    ("/users", DEEP.encode(), 422),
    ("/users", b'{"username": 1}', 422),
    ("/users", b'{"username": null}', 422),
    ("/users", b'{"username": ""}', 422),
    ("/users", b'{"username": "a\\u0000b"}', 422),
    ("/users", b'{"username": "\\ud800"}', 422),
    ("/users", json.dumps({"username": "x" * 100_000}).encode(), 422),
    ("/users/{user}/points", b'{"lat": NaN, "lon": 1, "date": "2010-10-03T09:36:30Z"}', 422),
    ("/users/{user}/points", b'{"lat": Infinity, "lon": 1, "date": "2010-10-03T09:36:30Z"}', 422),
    ("/users/{user}/points", b'{"lat": 1e999, "lon": 1, "date": "2010-10-03T09:36:30Z"}', 422),
    ("/users/{user}/points", b'{"lat": "north", "lon": 1, "date": "2010-10-03T09:36:30Z"}', 422),
    ("/users/{user}/points", b'{"lat": 1, "lon": 1, "date": "2010-13-03T09:36:30Z"}', 422),
    ("/users/{user}/points", b'{"lat": 1, "lon": 1, "date": "2010-10-03T09:36:30"}', 422),
    ("/users/{user}/points", b'{"lat": 1, "lon": 1, "date": 1e300}', 422),
    ("/users/{user}/points", b'{"lat": 1, "lon": 1}', 422),
    ("/users/{user}/points/bulk", b"{}", 422),
    ("/users/{user}/points/bulk", DEEP.encode(), 422),
    ("/users/{user}/points/bulk", b"[null]", 422),
    ("/users/{user}/points/ndjson", b"null", 422),
    ("/users/{user}/points/ndjson", b"\x00", 422),
    ("/users/{user}/points/ndjson", b"\xff\xfe", 422),
    ("/users/{user}/points/ndjson", DEEP.encode(), 422),
    ("/users/{user}/points/ndjson", b'{"lat": NaN, "lon": 1, "date": "2010-10-03T09:36:30Z"}', 422),
    ("/users/{user}/points/gpx", b"", 422),
    ("/users/{user}/points/gpx", b"\x00", 422),
    ("/users/{user}/points/gpx", b"<gpx>" * 100_000, 422),
]
MEDIA_TYPES = {"ndjson": NDJSON, "gpx": GPX}


@pytest.mark.parametrize(("path", "body", "status"), BODIES)
def test_an_invalid_body_is_refused(
    client: httpx.Client, user: int, path: str, body: bytes, status: int
) -> None:
    headers = MEDIA_TYPES.get(path.rpartition("/")[2], JSON)
    response = client.post(path.format(user=user), content=body, headers=headers)
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", f"/users/{HUGE}", {}, 422),
        ("GET", f"/users/{2**31}", {}, 422),
        ("GET", "/users/-1", {}, 422),
        ("GET", "/users/0x1", {}, 422),
        ("GET", "/users/1.5", {}, 422),
        ("GET", "/users/1_0", {}, 422),
        ("GET", "/users/+1", {}, 422),
        ("GET", "/users/01", {}, 422),
        ("GET", "/users/%201", {}, 422),
        ("GET", "/users/1.0", {}, 422),
        ("GET", "/users?limit=1_0", {}, 422),
        ("GET", "/users?after=1.0", {}, 422),
        ("GET", "/users/%00", {}, 422),
        ("GET", "/users/%ff", {}, 422),
        ("GET", "/users/%ED%A0%80", {}, 422),
        ("GET", f"/points/{HUGE}", {}, 422),
        ("GET", "/users/../users/x", {}, 422),
        ("GET", "/users?limit=0", {}, 422),
        ("GET", "/users?limit=nan", {}, 422),
        ("GET", f"/users?limit={HUGE}", {}, 422),
        ("GET", f"/users?after={HUGE}", {}, 422),
        ("GET", "/users?after=%00", {}, 422),
        ("GET", "/nowhere", {}, 404),
        ("GET", "/%00", {}, 404),
        ("BREW", "/users", {}, 405),
        ("TRACE", "/users", {}, 405),
        ("POST", "/users", {"Content-Type": "application/xml"}, 415),
        ("POST", "/users", {**JSON, "Idempotency-Key": "x" * 10_000}, 422),
        ("POST", "/users/{user}/points/ndjson", JSON, 415),
        ("GET", "/users/{user}/live", {"Last-Event-ID": HUGE}, 422),
        ("GET", "/users/{user}/live", {"Last-Event-ID": "-1"}, 422),
        ("GET", "/users/{user}/live", {"Last-Event-ID": "1_0"}, 422),
        ("DELETE", "/users/{user}", {"If-Match": "not quoted"}, 422),
    ],
)
def test_an_invalid_request_is_refused(
    client: httpx.Client, user: int, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    body = b"{}" if headers else b""
    response = client.request(method, path.format(user=user), headers=headers, content=body)
    assert response.status_code == status, response.text


def send_bytes(client: httpx.Client, request: bytes) -> list[int]:
    """Send bytes, and return the statuses of all responses until the connection is closed."""
    url = client.base_url
    with socket.create_connection((url.host, url.port or 80), timeout=30) as connection:
        connection.sendall(request)
        with connection.makefile("rb") as responses:
            statuses = re.findall(rb"HTTP/1\.1 (\d+) ", responses.read())
    return [int(status) for status in statuses]


HOST = b"Host: localhost\r\n"
LIVE = b"GET /health/live HTTP/1.1\r\n" + HOST
LAST = LIVE + b"Connection: close\r\n\r\n"
SMUGGLED = b"0\r\n\r\n" + LAST


@pytest.mark.parametrize(
    ("request_", "statuses"),
    [
        (LAST, [200]),
        ((LIVE + b"\r\n") * 2 + LAST, [200, 200, 200]),  # pipelined
        (b"GET /health/live HTTP/1.1\r\n\r\n", [400]),  # without Host
        (b"nonsense\r\n\r\n", [400]),
        (LIVE + b"X: \x00\r\n\r\n", [400]),
        (LIVE + b"Content-Length: -1\r\n\r\n", [400]),
        (LIVE + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", [400]),
        (LIVE + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + SMUGGLED, [400]),
        (LIVE + b"Transfer-Encoding: chunked, identity\r\n\r\n" + SMUGGLED, [400]),
        (LIVE + b"Transfer-Encoding : chunked\r\n\r\n" + SMUGGLED, [400]),
    ],
)
def test_malformed_requests_are_refused_and_smuggle_none(
    client: httpx.Client, request_: bytes, statuses: list[int]
) -> None:
    assert send_bytes(client, request_) == statuses
