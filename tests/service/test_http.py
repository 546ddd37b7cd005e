"""A write needs a precondition (RFC 9110)."""

import httpx
import pytest

from tests.service.walkers import POINT


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        ([b"*"], 200),
        ([b"TAG"], 200),
        ([b'"0", TAG'], 200),
        ([b'TAG,"0"'], 200),
        ([b'"a b", TAG'], 422),
        ([b'"0"'], 412),
        ([b'"0", "1"'], 412),
        ([b'""'], 412),
        ([b"W/TAG"], 422),
        ([b'W/TAG, W/"0"'], 422),
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
