"""Parsing many lines at once gives the same result as parsing each line."""

import json
from itertools import product

import httpx
import pytest
from fastapi import HTTPException

from orm_async_tests.service.ndjson import parse_each_line, parse_lines
from tests.service.walkers import NDJSON, POINT

LINE = json.dumps(POINT).encode()
PARTS = [
    LINE,
    b"",
    b" \r",
    LINE + b"," + LINE,  # two documents
    LINE + b"],[" + LINE,
    b'{"date":"',  # one document in two lines
    b'",' + LINE[1:],
    b'{"lat":[[{}',
    b'{}]],"lat":1,' + LINE[1:],
    b'{"lat":[1],' + LINE[1:],  # the last of two members with one name counts
    b'{"\\u005b":1,' + LINE[1:],
    b"[" + LINE + b"]",
    b"]",
]


def parse_together(lines: list[bytes]) -> object:
    """Return the points, or the message about the invalid line."""
    try:
        return parse_lines(lines, 1)
    except HTTPException as error:
        return error.detail


def parse_alone(lines: list[bytes]) -> object:
    """Return the points, or the message about the invalid line, parsing line by line."""
    try:
        return list(parse_each_line(lines, 1))
    except HTTPException as error:
        return error.detail


def test_no_line_changes_the_meaning_of_another() -> None:
    for lines in product(PARTS, repeat=3):
        assert parse_together([*lines]) == parse_alone([*lines]), lines


@pytest.mark.parametrize("number", [1, 50, 51, 2000])
def test_an_invalid_line_is_named_wherever_it_is(
    client: httpx.Client, user: int, number: int
) -> None:
    lines = [LINE] * 2000
    lines[number - 1] = b'{"lat":1}'
    body = b"\n".join([b"", *lines])
    response = client.post(f"/users/{user}/points/ndjson", content=body, headers=NDJSON)
    assert response.status_code == 422
    assert response.json()["detail"] == f"line {number + 1}: lon: Field required; nothing was added"
