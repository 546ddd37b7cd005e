"""Reads points from NDJSON, which has one JSON document per line."""

from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

from fastapi import HTTPException
from pydantic import TypeAdapter, ValidationError

from orm_async_tests.service.problems import describe
from orm_async_tests.service.schemas import PointIn

MAX_LINE = 10_000  # bytes
POINTS = TypeAdapter(list[tuple[PointIn]])


def line_error(number: int, reason: str) -> HTTPException:
    return HTTPException(422, f"line {number}: {reason}; nothing was added")


def parse_lines(lines: list[bytes], first: int) -> list[PointIn]:
    """Return the points in some lines of a request's body.

    The parameter `first` is the number of the first line. Parsing all lines as one JSON array takes
    a third less time than parsing each line.
    """
    text = b"\n".join(line for line in lines if line.strip())
    # A bracket could close the array too early. JSON forbids line breaks in strings.
    if text and b"[" not in text and b"]" not in text:
        with suppress(ValidationError):
            document = b"[[%b]]" % text.replace(b"\n", b"],\n[")
            return [point for (point,) in POINTS.validate_json(document)]
    return list(parse_each_line(lines, first))


def parse_each_line(lines: list[bytes], first: int) -> Iterator[PointIn]:
    """Parse the lines one by one, so that an error names the invalid line."""
    for number, line in enumerate(lines, first):
        if not line.strip():
            continue
        try:
            yield PointIn.model_validate_json(line)
        except ValidationError as error:
            # pydantic gets a document of one line, so its line number says nothing.
            reason = describe(error.errors()[0]).replace(" line 1 column ", " column ")
            raise line_error(number, reason) from None


async def split_lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """Split a request's body into lines, and yield a list of lines for each piece.

    Ignore a byte order mark (RFC 8259). Raise HTTPException 422 if a line is longer than MAX_LINE.
    """
    number, rest = 1, b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        if lines and number == 1:
            lines[0] = lines[0].removeprefix(BOM_UTF8)
        yield lines
        number += len(lines)
        if len(rest) > MAX_LINE:
            raise line_error(number, f"the line is longer than {MAX_LINE} bytes")
    yield [rest.removeprefix(BOM_UTF8) if number == 1 else rest]


async def read_ndjson(pieces: AsyncIterator[bytes]) -> AsyncIterator[list[PointIn]]:
    """Yield the points of a request's body, one list for each piece.

    Raise HTTPException 422 if a line is invalid.
    """
    number = 1
    async for lines in split_lines(pieces):
        yield parse_lines(lines, number)
        number += len(lines)
