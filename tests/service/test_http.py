"""The service follows RFC 9110 for preconditions, HEAD and the header Allow."""

import httpx
import pytest
from fastapi import FastAPI

from tests.processes import until
from tests.service.walkers import POINT

OTHER = '"0"'  # no version has this tag
READS = [
    "/users",
    "/users/{user}",
    "/users/{user}/points",
    "/points/{point}",
    "/users/{user}/track.ndjson",
    "/users/{user}/track.geojson",
    "/users/{user}/live",
    "/users/2147483647",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/openapi.json",
]


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        ([b"*"], 200),
        ([b"TAG"], 200),
        ([b'"0", TAG'], 200),
        ([b'TAG,"0"'], 200),
        ([b', "0",, TAG ,'], 200),
        ([b'"a,b", TAG'], 200),
        ([b'"a b", TAG'], 422),
        ([b'"\xe4", TAG'], 200),
        ([b'"0"', b"TAG"], 200),
        ([b'"0"'], 412),
        ([b'"0", "1"'], 412),
        ([b'""'], 412),
        ([b"W/TAG"], 412),
        ([b'W/TAG, W/"0"'], 412),
        ([b'"99999999999999999999"'], 412),
        ([b""], 422),
        ([b","], 422),
        ([b"* , TAG"], 422),
        ([b"TAG, *"], 422),
        ([b"TAG TAG"], 422),
        ([b"w/TAG"], 422),
        ([b'"'], 422),
        ([b"0"], 422),
        ([], 428),
    ],
)
def test_a_precondition_holds_for_any_of_its_strong_tags(
    client: httpx.Client, if_match: list[bytes], status: int
) -> None:
    created = client.post("/users", json={"username": "ann"}).headers
    tag = created["ETag"].encode()
    headers = [(b"If-Match", line.replace(b"TAG", tag)) for line in if_match]
    patched = client.patch(created["Location"], json={"username": "ben"}, headers=headers)

    assert patched.status_code == status
    name = client.get(created["Location"]).json()["username"]
    assert name == ("ben" if status == 200 else "ann")


def test_a_star_deletes_any_version_of_an_existing_row(client: httpx.Client, user: int) -> None:
    where = client.post(f"/users/{user}/points", json=POINT).headers["Location"]
    statuses = [client.delete(where, headers={"If-Match": "*"}).status_code for _ in range(2)]
    assert statuses == [204, 404]


@pytest.mark.parametrize("path", READS)
def test_head_is_get_without_its_body(client: httpx.Client, user: int, path: str) -> None:
    point = client.post(f"/users/{user}/points", json=POINT).json()["id"]
    where = path.format(user=user, point=point)
    with client.stream("GET", where) as get:
        head = client.head(where)
    for response in (get, head):
        del response.headers["Date"]
        if path == "/metrics":
            del response.headers["Content-Length"]  # the figures of the metrics change

    assert (head.status_code, head.headers) == (get.status_code, get.headers)
    assert head.content == b""


def test_head_of_a_stream_leaks_nothing(client: httpx.Client, user: int, app: FastAPI) -> None:
    for kind in ("track.ndjson", "track.geojson", "live"):
        assert client.head(f"/users/{user}/{kind}").status_code == 200
    until(lambda: "pool_checked_out 0.0" in client.get("/metrics").text)  # the stream has ended


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/users", "GET, POST, HEAD"),
        ("OPTIONS", "/users", "GET, POST, HEAD"),
        ("QUERY", "/users", "GET, POST, HEAD"),
        ("POST", "/users/1", "GET, PATCH, DELETE, HEAD"),
        ("DELETE", "/users/1/points", "GET, POST, HEAD"),
        ("GET", "/users/1/points/ndjson", "POST"),
        ("HEAD", "/users/1/points/gpx", "POST"),
        ("POST", "/health/live", "GET, HEAD"),
        ("POST", "/openapi.json", "GET, HEAD"),
    ],
)
def test_a_405_lists_the_methods_of_the_path(
    client: httpx.Client, method: str, path: str, allow: str
) -> None:
    response = client.request(method, path)
    assert (response.status_code, response.headers["Allow"]) == (405, allow)
    assert response.headers["Content-Type"] == "application/problem+json"
