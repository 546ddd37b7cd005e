"""A page on another site can neither write, nor reach the service by the name of that site."""

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


@pytest.mark.parametrize("path", ["/users", "/users/1"])
def test_a_browser_gets_no_permission_to_write_from_another_site(
    client: httpx.Client, path: str
) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "PATCH"}
    preflight = client.options(path, headers=headers)
    assert preflight.status_code == 405
    assert "Access-Control-Allow-Origin" not in preflight.headers


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
        ("bulk", None, 422),
        ("bulk", "text/plain", 422),
    ],
)
def test_a_write_needs_a_media_type_that_no_form_can_send(
    client: httpx.Client, user: int, kind: str, media_type: str | None, status: int
) -> None:
    content = f'{{"lat": {POINT["lat"]}, "lon": {POINT["lon"]}, "date": "{POINT["date"]}"}}'
    body = f"[{content}]" if kind == "bulk" else content
    headers = {} if media_type is None else {"Content-Type": media_type}
    response = client.post(f"/users/{user}/points/{kind}", content=body, headers=headers)
    assert response.status_code == status
    stored = client.get(f"/users/{user}/points").json()["items"]
    assert len(stored) == (status == 201)
