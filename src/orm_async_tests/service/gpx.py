"""Reads the track points of a GPX file, and keeps only a few points in memory.

The parser reads GPX 1.0, GPX 1.1 and GPX files without a namespace. Extensions in some GPX files
use undeclared namespace prefixes. expat rejects undeclared prefixes, so the parser resolves
prefixes itself.
"""

import re
from collections import ChainMap, Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated, NamedTuple
from xml.parsers import expat

from fastapi import HTTPException
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError

from orm_async_tests.service import schemas
from orm_async_tests.service.problems import excerpt

NAMESPACES = ("", "http://www.topografix.com/GPX/1/0", "http://www.topografix.com/GPX/1/1")
CHILDREN = {  # the child elements to read, by their parent elements
    "": {"gpx"},
    "gpx": {"wpt", "rte", "trk"},
    "trk": {"trkseg"},
    "trkseg": {"trkpt"},
    "trkpt": {"time"},
}
KINDS = {"wpt": "waypoint", "rte": "route", "trk": "track"}
ENCODING = re.compile(  # expat's own encodings, and some with one byte per character
    r"utf-8|utf-16(le|be)?|(us-)?ascii|koi8-[ru]|macintosh|iso-8859-\d\d?|windows-125\d",
    re.ASCII | re.IGNORECASE,
)
BLANK = " \t\r\n"  # white space in XML
# Some programs write 1.5E-5.
DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
DATE_TIME = re.compile(  # xsd:dateTime with a year of four digits
    r"(\d{4}-\d\d-\d\dT)(\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))?",
    re.ASCII,
)
END_OF_DAY = re.compile(r"24:00:00(\.0+)?")

# These limit the memory and the work of expat: every piece makes it parse an unfinished tag again.
MAX_TOKEN = 64 * 1024  # bytes of a tag or a comment
MAX_NAMES = 64 * 1024  # characters of all names together
MAX_DEPTH = 100  # nested elements
MAX_TEXT = 1000  # characters of a time, with the white space around it


def parse_decimal(text: str) -> float:
    if not DECIMAL.fullmatch(text.strip(BLANK)):
        raise ValueError(f"{excerpt(text)!r} is not a decimal number")
    return float(text)


def parse_time(text: str) -> datetime:
    """Convert a text to a moment in UTC. A text without a time zone is read as UTC."""
    reason = f"{excerpt(text)!r} is not a date and time such as 2010-10-03T09:36:30Z"
    match = DATE_TIME.fullmatch(text.strip(BLANK))
    if match is None:
        raise ValueError(reason)
    day, clock, zone = match[1], match[2], match[3] or "Z"
    ends_day = END_OF_DAY.fullmatch(clock)
    try:
        moment = datetime.fromisoformat(f"{day}{'00:00:00' if ends_day else clock}{zone}")
        moment += timedelta(days=bool(ends_day))
    except OverflowError:
        raise ValueError(schemas.OUT_OF_RANGE) from None
    except ValueError:
        raise ValueError(reason) from None
    return schemas.to_utc(moment)


class Trkpt(schemas.PointIn):
    """A track point, as an element `trkpt` describes it."""

    model_config = ConfigDict(extra="ignore")

    lat: Annotated[schemas.Latitude, BeforeValidator(parse_decimal)]
    lon: Annotated[schemas.Longitude, BeforeValidator(parse_decimal)]
    date: Annotated[
        datetime, BeforeValidator(parse_time), AfterValidator(schemas.check_storable)
    ] = Field(alias="time")


class Element(NamedTuple):
    """An open XML element, with its namespace prefixes."""

    name: str
    prefixes: ChainMap[str, str]


class GpxParser:
    """Parses a GPX file piece by piece. Raises HTTPException 422 if the file is invalid."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._parser = expat.ParserCreate(intern=self._names)
        with suppress(AttributeError):  # an old expat has no deferral
            self._parser.SetReparseDeferralEnabled(False)  # MAX_TOKEN limits the work
        self._parser.XmlDeclHandler = self._declaration
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._fed = 0
        self._namespace = ""
        self._open: list[Element | None] = [Element("", ChainMap())]  # None for an ignored element
        self._begun = Counter[str]()  # elements, by their names
        self._point: dict[str, str] = {}  # the texts of the unfinished trkpt element
        self._points: list[schemas.PointIn] = []

    def feed(self, piece: bytes, last: bool = False) -> list[schemas.PointIn]:
        self._fed += len(piece)
        try:
            self._parser.Parse(piece, last)
        except expat.ExpatError as error:
            raise self._file_error(str(error)) from None
        if not last and self._fed - self._parser.CurrentByteIndex > MAX_TOKEN:
            raise self._file_error(f"a tag or a comment is longer than {MAX_TOKEN} bytes")
        if sum(map(len, self._names)) > MAX_NAMES:
            raise self._file_error(f"its names are longer than {MAX_NAMES} characters together")
        if last and not self._begun["trkpt"]:
            counts = ((self._begun[name], word) for name, word in KINDS.items())
            parts = [f"{count} {word}{'s' * (count > 1)}" for count, word in counts if count]
            contents = ", ".join([*parts, "no track point"])
            raise HTTPException(422, f"the GPX has {contents}; nothing was added")
        points, self._points = self._points, []
        return points

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        """Reject an unusual encoding before Python looks up its name.

        Python caches even the names of unknown encodings, so a client could fill the memory with
        names.
        """
        if encoding is not None and not ENCODING.fullmatch(encoding):
            detail = (
                f"the encoding {excerpt(encoding)!r} is unknown: send for example UTF-8, UTF-16,"
            )
            raise self._file_error(f"{detail} ISO-8859-1 or windows-1252")

    def _doctype(self, name: str, *_: object) -> None:
        raise self._file_error(
            f"its document type ({excerpt(name)}) may define entities: remove the document type"
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) > MAX_DEPTH:
            raise self._file_error(f"more than {MAX_DEPTH} elements are nested")
        parent = self._open[-1]
        element = self._recognize(parent, name, attributes) if parent else None
        self._open.append(element)
        if element is None:
            return
        self._begun[element.name] += 1
        if element.name == "trkpt":
            self._point = {key: attributes[key] for key in ("lat", "lon") if key in attributes}
        elif element.name == "time":
            if "time" in self._point:
                raise self._point_error("the trkpt element has more than one time element")
            self._point["time"] = ""
            self._parser.CharacterDataHandler = self._text

    def _recognize(self, parent: Element, name: str, attributes: dict[str, str]) -> Element | None:
        declared = {
            key[6:]: uri for key, uri in attributes.items() if key[:6] in ("xmlns", "xmlns:")
        }
        prefixes = parent.prefixes.new_child(declared) if declared else parent.prefixes
        prefix, _, local = name.rpartition(":")
        namespace = prefixes.get(prefix, None if prefix else "")
        if not parent.name:
            if local != "gpx" or namespace not in NAMESPACES:
                suffix = f" of {excerpt(namespace)!r}" if namespace else ""
                raise self._file_error(f"the root element is {excerpt(name)}{suffix}")
            self._namespace = namespace
        is_read = local in CHILDREN.get(parent.name, ()) and namespace == self._namespace
        return Element(local, prefixes) if is_read else None

    def _text(self, data: str) -> None:
        if self._open[-1] is not None:  # otherwise the text is in an ignored element
            self._point["time"] += data
        if len(self._point["time"]) > MAX_TEXT:
            raise self._point_error(f"time is longer than {MAX_TEXT} characters")

    def _end(self, _: str) -> None:
        element = self._open.pop()
        if element is None:
            return
        if element.name == "time":
            self._parser.CharacterDataHandler = None
        elif element.name == "trkpt":
            self._points.append(self._finish_point())

    def _finish_point(self) -> schemas.PointIn:
        try:
            return Trkpt.model_validate(self._point)
        except ValidationError as error:
            [first, *_] = error.errors()
        name = first["loc"][0]
        if first["type"] == "missing":
            raise self._point_error(f"trkpt has no {name}")
        owner = "" if name == "time" else " of trkpt"
        raise self._point_error(f"{name}{owner}: {first['msg'].removeprefix('Value error, ')}")

    def _point_error(self, reason: str) -> HTTPException:
        return HTTPException(422, f"point {self._begun['trkpt']}: {reason}; nothing was added")

    def _file_error(self, reason: str) -> HTTPException:
        number = self._begun["trkpt"]
        near = f" (near point {number})" if number else ""
        return HTTPException(422, f"the body is not GPX: {reason}{near}; nothing was added")


async def read_gpx(pieces: AsyncIterator[bytes]) -> AsyncIterator[list[schemas.PointIn]]:
    """Yield the track points of a GPX file, one list for each piece of the file.

    Raise HTTPException 422 if the file or a point is invalid.
    """
    parser = GpxParser()
    async for piece in pieces:
        yield parser.feed(piece)
    yield parser.feed(b"", last=True)
