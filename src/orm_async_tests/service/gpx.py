"""GPX as a stream: the points of its tracks, of which only one piece is in memory at a time.

Of GPX 1.0, GPX 1.1, and files that name no namespace. Namespaces are resolved here: expat itself
would refuse a prefix that nothing binds, which the extensions of real files have.
"""

import re
from collections import ChainMap, Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated, NamedTuple
from xml.parsers import expat

from fastapi import HTTPException
from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from orm_async_tests.service.problems import excerpt
from orm_async_tests.service.schemas import OUT_OF_RANGE, Latitude, Longitude, PointIn, to_storable

NAMESPACES = ("", "http://www.topografix.com/GPX/1/0", "http://www.topografix.com/GPX/1/1")
INSIDE = {  # the elements that count, by those that they stand in
    "": {"gpx"},
    "gpx": {"wpt", "rte", "trk"},
    "trk": {"trkseg"},
    "trkseg": {"trkpt"},
    "trkpt": {"time"},
}
KINDS = {"wpt": "waypoint", "rte": "route", "trk": "track"}
ENCODINGS = frozenset(  # expat's own, and others of one byte for each character
    [
        "utf-8",
        "utf-16",
        "utf-16le",
        "utf-16be",
        "us-ascii",
        "ascii",
        "koi8-r",
        "koi8-u",
        "macintosh",
    ]
    + [f"iso-8859-{part}" for part in range(1, 17) if part != 12]
    + [f"windows-{page}" for page in range(1250, 1259)]
)
BLANK = " \t\r\n"  # what XML takes for white space
DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)  # some write 1.5E-5
DATE_TIME = re.compile(  # xsd:dateTime, in the years that we have
    r"(\d{4}-\d\d-\d\dT)(\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))?",
    re.ASCII,
)
END_OF_DAY = re.compile(r"24:00:00(\.0+)?")

# What expat keeps is bounded, and so is what it reads again: an unfinished tag with each piece.
TOKEN = 64 * 1024  # bytes of a tag or a comment
NAMES = 64 * 1024  # characters of all names together
DEPTH = 100  # elements inside each other
TEXT = 1000  # characters of a time, with the white space around it


def decimal(text: str) -> float:
    """The number that a coordinate is; raises ValueError."""
    if not DECIMAL.fullmatch(text.strip(BLANK)):
        raise ValueError(f"{excerpt(text)!r} is not a decimal number")
    return float(text)


def parse_time(text: str) -> datetime:
    """The moment that a time is, in UTC if it names no zone; raises ValueError."""
    why = f"{excerpt(text)!r} is not a date and time such as 2010-10-03T09:36:30Z"
    found = DATE_TIME.fullmatch(text.strip(BLANK))
    if found is None:
        raise ValueError(why)
    day, clock, zone = found[1], found[2], found[3] or "Z"
    ends_day = END_OF_DAY.fullmatch(clock)
    try:
        moment = datetime.fromisoformat(f"{day}{'00:00:00' if ends_day else clock}{zone}")
    except ValueError:
        raise ValueError(why) from None
    try:
        return to_storable(moment + timedelta(days=1) if ends_day else moment)
    except OverflowError:
        raise ValueError(OUT_OF_RANGE) from None


class Trkpt(PointIn):
    """A trkpt: its attributes, and the text of its time."""

    model_config = ConfigDict(extra="ignore")

    lat: Annotated[Latitude, BeforeValidator(decimal)]
    lon: Annotated[Longitude, BeforeValidator(decimal)]
    date: Annotated[datetime, BeforeValidator(parse_time)] = Field(alias="time")


class Element(NamedTuple):
    """An open element of GPX, and what prefixes mean inside it."""

    name: str
    prefixes: ChainMap[str, str]


class Reader:
    """Takes a file in pieces and gives their points; raises HTTPException 422, naming the point."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._parser = expat.ParserCreate(intern=self._names)
        with suppress(AttributeError):  # not on old Pythons, whose expat has no deferral either
            self._parser.SetReparseDeferralEnabled(False)  # TOKEN bounds it, the same everywhere
        self._parser.XmlDeclHandler = self._declaration
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._fed = 0
        self._namespace = ""
        self._open: list[Element | None] = [Element("", ChainMap())]  # None: one we do not read
        self._begun = Counter[str]()  # elements by their names
        self._point: dict[str, str] = {}  # the one that is open
        self._points: list[PointIn] = []

    def feed(self, piece: bytes, last: bool = False) -> list[PointIn]:
        """The points that end in this piece."""
        self._fed += len(piece)
        try:
            self._parser.Parse(piece, last)
        except expat.ExpatError as error:
            raise self._no_gpx(str(error)) from None
        if not last and self._fed - self._parser.CurrentByteIndex > TOKEN:
            raise self._no_gpx(f"a tag or a comment is longer than {TOKEN} bytes")
        if sum(map(len, self._names)) > NAMES:
            raise self._no_gpx(f"its names are longer than {NAMES} characters together")
        if last and not self._begun["trkpt"]:
            raise HTTPException(422, f"this GPX has {self._contents()}; nothing was added")
        points, self._points = self._points, []
        return points

    def _contents(self) -> str:
        counts = {word: self._begun[name] for name, word in KINDS.items()}
        some = [f"{count} {word}{'s' * (count > 1)}" for word, count in counts.items() if count]
        return ", ".join([*some, "no track point"])

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        """Refuse an unknown encoding before Python looks it up: it keeps each name for ever."""
        if encoding is not None and encoding.lower() not in ENCODINGS:
            detail = f"its encoding is {excerpt(encoding)!r}; UTF-8, UTF-16, ISO-8859-1 and"
            raise self._no_gpx(f"{detail} windows-1252 are among those that are read")

    def _doctype(self, name: str, *_: object) -> None:
        raise self._no_gpx(f"it has a document type ({excerpt(name)}), which may define entities")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) > DEPTH:
            raise self._no_gpx(f"more than {DEPTH} elements stand inside each other")
        parent = self._open[-1]
        element = self._known(parent, name, attributes) if parent else None
        self._open.append(element)
        if element is None:
            return
        self._begun[element.name] += 1
        if element.name == "trkpt":
            self._point = {key: attributes[key] for key in ("lat", "lon") if key in attributes}
        elif element.name == "time":
            if "time" in self._point:
                raise self._wrong("trkpt has more than one time")
            self._point["time"] = ""
            self._parser.CharacterDataHandler = self._text

    def _known(self, parent: Element, name: str, attributes: dict[str, str]) -> Element | None:
        """The element, if it is one of GPX in its place."""
        new = {key[6:]: uri for key, uri in attributes.items() if key[:6] in ("xmlns", "xmlns:")}
        prefixes = parent.prefixes.new_child(new) if new else parent.prefixes
        prefix, _, local = name.rpartition(":")
        namespace = prefixes.get(prefix, None if prefix else "")
        if not parent.name:
            if local != "gpx" or namespace not in NAMESPACES:
                of = f" of {excerpt(namespace)!r}" if namespace else ""
                raise self._no_gpx(f"its root element is {excerpt(name)}{of}")
            self._namespace = namespace
        known = local in INSIDE.get(parent.name, ()) and namespace == self._namespace
        return Element(local, prefixes) if known else None

    def _text(self, data: str) -> None:
        if self._open[-1] is not None:  # else it is of an element inside the time
            self._point["time"] += data
        if len(self._point["time"]) > TEXT:
            raise self._wrong(f"time is longer than {TEXT} characters")

    def _end(self, _: str) -> None:
        element = self._open.pop()
        if element is None:
            return
        if element.name == "time":
            self._parser.CharacterDataHandler = None
        elif element.name == "trkpt":
            self._points.append(self._read())

    def _read(self) -> PointIn:
        try:
            return Trkpt.model_validate(self._point)
        except ValidationError as error:
            [first, *_] = error.errors()
        name = first["loc"][0]
        if first["type"] == "missing":
            raise self._wrong(f"trkpt has no {name}")
        of = "" if name == "time" else " of trkpt"
        raise self._wrong(f"{name}{of}: {first['msg'].removeprefix('Value error, ')}")

    def _wrong(self, why: str) -> HTTPException:
        return HTTPException(422, f"point {self._begun['trkpt']}: {why}; nothing was added")

    def _no_gpx(self, why: str) -> HTTPException:
        number = self._begun["trkpt"]
        near = f" (near point {number})" if number else ""
        return HTTPException(422, f"this is not GPX: {why}{near}; nothing was added")


async def track_points(pieces: AsyncIterator[bytes]) -> AsyncIterator[list[PointIn]]:
    """The points of a file that comes in pieces, as they end in them."""
    reader = Reader()
    async for piece in pieces:
        yield reader.feed(piece)
    yield reader.feed(b"", last=True)
