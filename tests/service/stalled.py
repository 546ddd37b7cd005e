"""Clients that start a request, and then neither send nor read."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx

from orm_async_tests import db
from orm_async_tests.service.request_limits import STREAMS
from tests.conftest import execute

LONG = 100_000  # points of a track that the socket buffers of both sides cannot hold
POINTS = f"""INSERT INTO track_points (user_id, lat, lon, date)
    SELECT {{user}}, n % 90 + 0.25, n % 180 + 0.125, '2010-10-03T09:36:30Z'
    FROM generate_series(1, {LONG}) AS n"""
BUFFER = 4096  # bytes of a receive buffer, so that a client stalls soon
UPLOAD = "Content-Length: 1000\r\nExpect: 100-continue\r\n"  # the service answers 100 when it waits
CONTENT_TYPES = {"ndjson": "application/x-ndjson", "gpx": "application/gpx+xml"}


def add_long_track(database: db.Database, user: int) -> None:
    """Add a track to the user that is too long for any socket buffer."""
    execute(database, POINTS.format(user=user))


def send(url: httpx.URL, method: str, path: str, headers: str, body: bytes = b"") -> socket.socket:
    """Send a request or its beginning, wait for an answer, and return the socket."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    connection.settimeout(60)
    connection.connect((url.host, url.port or 80))
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"
    connection.sendall(head.encode() + body)
    connection.recv(1, socket.MSG_PEEK)
    return connection


def start_upload(url: httpx.URL, user: int, kind: str, body: bytes = b"") -> socket.socket:
    """Start an upload, and send only the beginning of its body."""
    content_type = f"Content-Type: {CONTENT_TYPES.get(kind, 'application/json')}\r\n"
    path = f"/users/{user}/points/{kind}".rstrip("/")
    return send(url, "POST", path, content_type + UPLOAD, body)


def start_download(url: httpx.URL, user: int, kind: str) -> socket.socket:
    """Start a download or a live stream, and read nothing of it."""
    return send(url, "GET", f"/users/{user}/{kind}", "Last-Event-ID: 0\r\n")


@contextmanager
def stalled(url: httpx.URL, user: int, kind: str, clients: int) -> Iterator[list[socket.socket]]:
    """Keep some clients stalled in requests of one kind during the `with` block."""
    start = start_download if kind in STREAMS else start_upload
    with ExitStack() as stack:
        yield [stack.enter_context(start(url, user, kind)) for _ in range(clients)]
