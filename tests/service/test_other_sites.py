"""A web page of another site can neither write, nor use the service under the site's name."""

import httpx
import pytest

from tests.service.walkers import POINT

NDJSON, GPX = "application/x-ndjson", "application/gpx+xml"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8000", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8000", 200),
        ("LOCALHOST", 200),
        ("evil.example", 400),
        ("localhost.evil.example", 400),
        ("[::1", 400),
        ("localhost:http", 400),
        ("127.0.0.1.evil.example", 400),
        ("", 400),
    ],
)
def test_only_loopback_names_are_served_by_default(
    client: httpx.Client, host: str, status: int
) -> None:
    response = client.get("/users", headers={"Host": host})
    assert response.status_code == status
    if status == 400:
        assert response.headers["Content-Type"] == "application/problem+json"
        assert "ORM_ASYNC_SERVICE_HOSTS" in response.json()["detail"]


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 201),
        ("http://{host}", 201),
        ("https://evil.example", 403),
        ("http://{host}.evil.example", 403),
        ("http://localhost:1", 403),
        ("null", 403),
        ("", 403),
        ("http://[", 403),
    ],
)
def test_a_write_from_another_origin_is_refused(
    client: httpx.Client, origin: str | None, status: int
) -> None:
    host = client.base_url.netloc.decode()
    headers = {} if origin is None else {"Origin": origin.format(host=host)}
    response = client.post("/users", json={"username": "ann"}, headers=headers)
    assert response.status_code == status
    assert client.get("/users", headers=headers).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_the_origin_of_every_write_is_checked(client: httpx.Client, method: str) -> None:
    response = client.request(method, "/users/1", headers={"Origin": "https://evil.example"})
    assert response.status_code == 403
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("kind", "media_type", "status"),
    [
        ("ndjson", NDJSON, 201),
        ("ndjson", "application/X-NDJSON; charset=utf-8", 201),
        ("ndjson", None, 415),
        ("ndjson", "text/plain", 415),
        ("ndjson", "application/json", 415),
        ("ndjson", "application/x-www-form-urlencoded", 415),
        ("ndjson", "multipart/form-data; boundary=x", 415),
        ("gpx", None, 415),
        ("gpx", "text/plain", 415),
        ("gpx", NDJSON, 415),
        ("bulk", "application/problem+json", 201),
        ("bulk", None, 415),
        ("bulk", "text/plain", 415),
    ],
)
def test_an_upload_needs_its_media_type(
    client: httpx.Client, user: int, kind: str, media_type: str | None, status: int
) -> None:
    content = f'{{"lat": {POINT["lat"]}, "lon": {POINT["lon"]}, "date": "{POINT["date"]}"}}'
    body = f"[{content}]" if kind == "bulk" else content
    headers = {} if media_type is None else {"Content-Type": media_type}
    response = client.post(f"/users/{user}/points/{kind}", content=body, headers=headers)
    assert response.status_code == status
    stored = client.get(f"/users/{user}/points").json()["items"]
    assert len(stored) == (status == 201)
    if status == 415:
        assert response.headers["Accept"]
