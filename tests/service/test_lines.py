"""Lines are read many at a time, and each is judged as if it were alone."""

import json
from itertools import product

import httpx
import pytest
from fastapi import HTTPException

from orm_async_tests.service.bulk import one_by_one, points_of
from tests.service.walkers import NDJSON, POINT

LINE = json.dumps(POINT).encode()
PARTS = [
    LINE,
    b"",
    b" \r",
    LINE + b"," + LINE,  # two in one
    LINE + b"],[" + LINE,
    b'{"date":"',  # one in two
    b'",' + LINE[1:],
    b'{"lat":[[{}',
    b'{}]],"lat":1,' + LINE[1:],
    b'{"lat":[1],' + LINE[1:],  # of two members with one name the last counts
    b'{"\\u005b":1,' + LINE[1:],
    b"[" + LINE + b"]",
    b"]",
]


def judged(lines: list[bytes]) -> object:
    """Their points, or which line is wrong and why."""
    try:
        return points_of(lines, 0)
    except HTTPException as error:
        return error.detail


def judged_alone(lines: list[bytes]) -> object:
    """The same, line by line."""
    try:
        return list(one_by_one(lines, 0))
    except HTTPException as error:
        return error.detail


def test_no_line_makes_up_for_another() -> None:
    for lines in product(PARTS, repeat=3):
        assert judged([*lines]) == judged_alone([*lines]), lines


@pytest.mark.parametrize("number", [1, 50, 51, 2000])
def test_a_bad_line_is_named_wherever_it_is(client: httpx.Client, user: int, number: int) -> None:
    lines = [LINE] * 2000
    lines[number - 1] = b'{"lat":1}'
    body = b"\n".join([b"", *lines])
    refused = client.post(f"/users/{user}/points/ndjson", content=body, headers=NDJSON)
    assert refused.status_code == 422
    assert refused.json()["detail"] == f"line {number + 1}: lon: Field required; nothing was added"
