"""Clients that send a request and then neither send nor read any more."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
from sqlalchemy import NullPool, create_engine, text

from orm_async_tests import db

LONG = 100_000  # points of a track: more bytes than the socket buffers of both sides hold
POINTS = text(
    """INSERT INTO track_points (user_id, lat, lon, date)
    SELECT :user, n % 90 + 0.25, n % 180 + 0.125, '2010-10-03T09:36:30Z'
    FROM generate_series(1, :points) AS n"""
)
BUFFER = 4096  # bytes that the kernel keeps for a client that does not read, at least
UPLOAD = "Content-Length: 1000\r\nExpect: 100-continue\r\n"  # the service answers as it waits
CONTENT_TYPES = {"ndjson": "application/x-ndjson", "gpx": "application/gpx+xml"}


def add_long_track(database: db.Database, user: int) -> None:
    """Give the user a track that no socket buffer can hold."""
    engine = create_engine(db.with_driver(database.url, "psycopg"), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(POINTS, {"user": user, "points": LONG})


def send(url: httpx.URL, method: str, path: str, headers: str) -> socket.socket:
    """Send a request over a socket of its own, and return that once the service answers."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    connection.settimeout(60)
    connection.connect((url.host, url.port or 80))
    connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
    connection.recv(1, socket.MSG_PEEK)
    return connection


def start_upload(url: httpx.URL, user: int, kind: str) -> socket.socket:
    """Start an upload, and send nothing of its body."""
    content_type = f"Content-Type: {CONTENT_TYPES.get(kind, 'application/json')}\r\n"
    return send(url, "POST", f"/users/{user}/points/{kind}".rstrip("/"), content_type + UPLOAD)


def start_download(url: httpx.URL, user: int, kind: str) -> socket.socket:
    """Start a response that does not end, and read nothing of it."""
    return send(url, "GET", f"/users/{user}/{kind}", "Last-Event-ID: 0\r\n")


@contextmanager
def stalled(url: httpx.URL, user: int, kind: str, clients: int) -> Iterator[list[socket.socket]]:
    """Keep this number of clients that have stalled in a request of this kind."""
    start = start_upload if kind in CONTENT_TYPES else start_download
    with ExitStack() as stack:
        yield [stack.enter_context(start(url, user, kind)) for _ in range(clients)]
