"""Reads the track points of a GPX file piece by piece, and keeps only a few points in memory.

The parser ignores namespaces, because some programs write prefixes that they do not declare.
"""

import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated
from xml.parsers import expat

from fastapi import HTTPException
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError

from orm_async_tests.service.problems import describe, excerpt
from orm_async_tests.service.schemas import PointIn, check_storable, parse_moment

TRACK_POINT = ["gpx", "trk", "trkseg", "trkpt"]
TIME = [*TRACK_POINT, "time"]
OFFSET = re.compile(r"(Z|[+-]\d\d:\d\d)$")
MAX_DEPTH = 100  # nested elements
MAX_TOKEN = 2**16  # bytes of a tag, of a comment or of a time


def parse_time(text: str) -> datetime:
    """Parse the text of a time. A time without an offset is in UTC."""
    text = text.strip()
    return parse_moment(text if OFFSET.search(text) else f"{text}Z")


class GpxPoint(PointIn):
    """The attributes of an element `trkpt`, and the text of its time."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]
    date: Annotated[datetime, BeforeValidator(parse_time), AfterValidator(check_storable)] = Field(
        alias="time"
    )


class GpxParser:
    """Parses a GPX file piece by piece, and raises HTTPException 422 if the file is invalid."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.StartElementHandler = self._start
        self._parser.CharacterDataHandler = self._add_text
        self._parser.EndElementHandler = self._end
        self._path: list[str] = []  # the names of the open elements
        self._point: dict[str, str] = {}  # the texts of the trkpt that is open
        self._number = 0  # of the trkpt elements so far
        self._fed = 0  # bytes
        self._points: list[PointIn] = []

    def feed(self, piece: bytes, last: bool = False) -> list[PointIn]:
        """Parse a piece of the file, and return the track points that end in this piece."""
        try:
            self._parser.Parse(piece, last)
        except (expat.ExpatError, LookupError, ValueError) as error:  # also an unknown encoding
            raise self._file_error(excerpt(str(error))) from None
        self._fed += len(piece)
        unfinished = 0 if last else self._fed - self._parser.CurrentByteIndex
        if max(unfinished, len(self._point.get("time", ""))) > MAX_TOKEN:
            raise self._file_error(f"a tag, a comment or a time is longer than {MAX_TOKEN} bytes")
        if last and not self._number:
            raise self._file_error("it has no track point")
        points, self._points = self._points, []
        return points

    def _refuse_doctype(self, *_: object) -> None:
        raise self._file_error("it has a DOCTYPE, which may define entities")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name.rpartition(":")[2])
        if len(self._path) > MAX_DEPTH:
            raise self._file_error(f"more than {MAX_DEPTH} elements are nested")
        if self._path == TRACK_POINT:
            self._number += 1
            self._point = attributes

    def _add_text(self, text: str) -> None:
        if self._path == TIME:
            self._point["time"] = self._point.get("time", "") + text

    def _end(self, _: str) -> None:
        if self._path == TRACK_POINT:
            try:
                self._points.append(GpxPoint.model_validate(self._point))
            except ValidationError as error:
                reason = describe(error.errors()[0])
                detail = f"point {self._number}: {reason}; nothing was added"
                raise HTTPException(422, detail) from None
        self._path.pop()

    def _file_error(self, reason: str) -> HTTPException:
        near = f" (near point {self._number})" if self._number else ""
        return HTTPException(422, f"this is not GPX: {reason}{near}; nothing was added")


async def read_gpx(body: AsyncIterator[bytes]) -> AsyncIterator[list[PointIn]]:
    """Yield the track points that end in each piece of the body."""
    parser = GpxParser()
    async for piece in body:
        yield parser.feed(piece)
    yield parser.feed(b"", last=True)
