"""The service creates, reads, changes and deletes users and points, and loses no update."""

import httpx
import pytest

POINT = {"lat": 47.0, "lon": 12.5, "date": "2010-10-03T09:36:30Z"}


def test_a_user_is_created_read_and_deleted(client: httpx.Client) -> None:
    created = client.post("/users", json={"username": "ann"})
    assert created.status_code == 201
    path = created.headers["Location"]

    read = client.get(path)
    assert (read.json()["username"], read.headers["ETag"]) == ("ann", created.headers["ETag"])
    assert client.delete(path, headers={"If-Match": read.headers["ETag"]}).status_code == 204
    assert client.get(path).status_code == 404


def test_a_writer_with_an_old_version_is_refused(client: httpx.Client) -> None:
    path = client.post("/users", json={"username": "ann"}).headers["Location"]
    if_match = {"If-Match": client.get(path).headers["ETag"]}

    first = client.patch(path, json={"username": "ben"}, headers=if_match)
    second = client.patch(path, json={"username": "cleo"}, headers=if_match)
    again = client.patch(
        path, json={"username": "cleo"}, headers={"If-Match": first.headers["ETag"]}
    )

    assert [first.status_code, second.status_code, again.status_code] == [200, 412, 200]
    assert client.patch(path, json={"username": "dora"}).status_code == 428
    assert client.get(path).json()["username"] == "cleo"


def test_a_repeated_write_with_the_same_key_is_done_once(client: httpx.Client) -> None:
    key = {"Idempotency-Key": "7f0c"}
    first = client.post("/users", json={"username": "ann"}, headers=key)
    second = client.post("/users", json={"username": "ann"}, headers=key)
    other = client.post("/users", json={"username": "ben"}, headers=key)

    assert first.json() == second.json()
    assert first.headers["ETag"] == second.headers["ETag"]
    assert other.status_code == 409


def test_a_users_points_are_read_in_pages_and_by_time(client: httpx.Client, user: int) -> None:
    dates = [f"2010-10-03T09:{minute:02}:00Z" for minute in range(5)]
    points = [{**POINT, "date": date} for date in dates]
    assert client.post(f"/users/{user}/points/bulk", json=points).json() == {"points": 5}

    listed: list[str] = []
    after: int | None = 0
    while after is not None:
        page = client.get(f"/users/{user}/points", params={"limit": 2, "after": after}).json()
        listed += [point["date"] for point in page["items"]]
        after = page["next"]
    some = client.get(f"/users/{user}/points", params={"since": dates[1], "until": dates[3]})

    assert listed == dates
    assert [point["date"] for point in some.json()["items"]] == dates[1:3]


def test_a_page_has_the_documents_of_its_points(client: httpx.Client, user: int) -> None:
    odd = [
        {"lat": 1e-07, "lon": -1.0000000000000002, "date": "2010-10-03T09:36:30.500000Z"},
        {"lat": -90, "lon": 180, "date": "0999-01-01T00:00:00+14:00"},
        {"lat": -0.0, "lon": 1 / 3, "date": "9999-12-31T23:59:59.000001Z"},
    ]
    assert client.get(f"/users/{user}/points").json() == {"items": [], "next": None}
    created = [client.post(f"/users/{user}/points", json=point).json() for point in odd]
    page = client.get(f"/users/{user}/points", params={"limit": 3})
    first = client.get(f"/users/{user}/points", params={"limit": 1})
    assert page.headers["Content-Type"] == "application/json"
    assert page.json() == {"items": created, "next": None}
    assert first.json() == {"items": created[:1], "next": created[0]["id"]}


def test_a_patch_changes_only_the_fields_that_it_has(client: httpx.Client, user: int) -> None:
    created = client.post(f"/users/{user}/points", json=POINT)
    path, tag = created.headers["Location"], {"If-Match": created.headers["ETag"]}

    changed = client.patch(path, json={"lat": 46.5}, headers=tag)

    assert (changed.json()["lat"], changed.json()["lon"]) == (46.5, POINT["lon"])
    assert client.patch(path, json={"lat": 1}, headers=tag).status_code == 412
    assert client.delete(path, headers={"If-Match": changed.headers["ETag"]}).status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/users/2147483647", 404),
        ("GET", "/users/0", 422),
        ("GET", "/users/2147483647/points", 404),
        ("GET", "/users/2147483647/track.ndjson", 404),
        ("GET", "/users/2147483647/live", 404),
        ("GET", "/nopath", 404),
        ("PUT", "/users", 405),
    ],
)
def test_an_error_is_a_problem_document(
    client: httpx.Client, method: str, path: str, status: int
) -> None:
    response = client.request(method, path)
    assert response.status_code == response.json()["status"] == status
    assert response.headers["Content-Type"] == "application/problem+json"
