"""The service stores valid values of GPX files exactly, and names invalid values."""

import encodings
import tracemalloc

import httpx
import pytest

from orm_async_tests.service.bulk import PIECE_SIZE
from orm_async_tests.service.gpx import MAX_DEPTH, MAX_NAMES, MAX_TEXT, MAX_TOKEN, GpxParser
from orm_async_tests.service.problems import EXCERPT
from orm_async_tests.service.settings import MIB
from tests.service.walkers import GPX

LONG = MAX_TOKEN - PIECE_SIZE  # bytes of the longest token that is valid in any pieces
NAMESPACE = 'xmlns="http://www.topografix.com/GPX/1/1"'
STORED = {"lat": 47.0, "lon": 12.5, "date": "2010-10-03T09:36:30Z"}
TIME = "<time>2010-10-03T09:36:30Z</time>"
POINT = f'<trkpt lat="47" lon="12.5">{TIME}</trkpt>'


def gpx(*points: str, before: str = "", namespace: str = NAMESPACE) -> str:
    """Return a file with a track of these points."""
    track = f"<trk><trkseg>{''.join(points)}</trkseg></trk>"
    return f'<gpx version="1.1" creator="tests" {namespace}>{before}{track}</gpx>'


def at(time: str, lat: str = "47", lon: str = "12.5") -> str:
    """Return a point with this time."""
    return f'<trkpt lat="{lat}" lon="{lon}"><time>{time}</time></trkpt>'


def holding(inner: str) -> str:
    """Return a point that has other elements before its time."""
    return f'<trkpt lat="47" lon="12.5">{inner}{TIME}</trkpt>'


PREFIXED = f"""<g:gpx xmlns:g="http://www.topografix.com/GPX/1/1" xmlns="urn:other">
<trk><trkseg>{at("1999-01-01T00:00:00Z")}</trkseg></trk>
<g:trk><g:trkseg><g:trkpt lat="47" lon="12.5"><time>1999-01-01T00:00:00Z</time>
<g:time>2010-10-03T09:36:30Z</g:time></g:trkpt></g:trkseg></g:trk></g:gpx>"""
NAMED = gpx(POINT, before="<metadata><name>Königsweg</name></metadata>")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(PREFIXED, id="a prefix"),
        pytest.param(gpx(POINT, namespace=NAMESPACE.replace("1/1", "1/0")), id="GPX 1.0"),
        pytest.param(gpx(POINT, namespace=""), id="no namespace"),
        pytest.param('<?xml version="1.0" encoding="UTF-16"?>' + NAMED, id="UTF-16"),
        pytest.param('<?xml version="1.0" encoding="UTF-16LE"?>' + NAMED, id="UTF-16LE"),
        pytest.param('<?xml version="1.0" encoding="ISO-8859-1"?>' + NAMED, id="ISO-8859-1"),
        pytest.param('<?xml version="1.0" encoding="windows-1252"?>' + NAMED, id="windows-1252"),
        pytest.param("\ufeff" + NAMED, id="a byte order mark"),
        pytest.param(gpx(at("2010-10-03T09:36:30")), id="no zone: UTC"),
        pytest.param(gpx(at("2010-10-03T11:36:30+02:00")), id="another zone"),
        pytest.param(gpx(at("2010-10-03T09:36:30.000Z")), id="a fraction"),
        pytest.param(gpx(at("\n\t 2010-10-03T09:36:30Z \r\n")), id="white space"),
        pytest.param(gpx(at("2010-10-<!-- a day -->03T09:36:30Z")), id="a comment"),
        pytest.param(gpx(at("2010-10-03T09:36:30&#90;")), id="a character reference"),
        pytest.param(gpx(at("2010-10-03T09:36:30Z", " +47.0\n", "012.50")), id="a decimal"),
        pytest.param(gpx(at("2010-10-03T09:36:30Z", "4.7E1", "125e-1")), id="an exponent"),
        pytest.param(gpx(holding("<ele>1,5</ele><fix>unknown</fix><sat>many</sat>")), id="words"),
        pytest.param(
            gpx(POINT, before='<wpt lat="north" lon="a,b"><time>noon</time></wpt><rte>1</rte>'),
            id="words in a waypoint",
        ),
        pytest.param(
            gpx(holding(f"<extensions><x:hr>1</x:hr>{TIME}</extensions>")),
            id="an unbound prefix and a time in extensions",
        ),
        pytest.param(gpx("<!--" + "x" * LONG + "-->", POINT), id="a long comment"),
        pytest.param(gpx(holding(f"<desc>{'x' * 3 * MAX_TOKEN}</desc>")), id="a long text"),
    ],
)
def test_a_valid_file_is_stored_exactly(client: httpx.Client, user: int, content: str) -> None:
    encoding = content.partition('encoding="')[2].partition('"')[0] or "utf-8"
    url, body = f"/users/{user}/points/gpx", content.encode(encoding)
    assert client.post(url, content=body, headers=GPX).json() == {"points": 1}
    [point] = client.get(f"/users/{user}/points").json()["items"]
    assert {name: point[name] for name in STORED} == STORED


@pytest.mark.parametrize(
    ("time", "date"),
    [
        ("2010-10-03T24:00:00Z", "2010-10-04T00:00:00Z"),
        ("2010-12-31T24:00:00.0", "2011-01-01T00:00:00Z"),
        ("2010-10-03T24:00:00-01:00", "2010-10-04T01:00:00Z"),
        ("2010-10-03T09:36:30.1234567Z", "2010-10-03T09:36:30.123456Z"),
        ("2010-10-03T00:00:00+14:00", "2010-10-02T10:00:00Z"),
    ],
)
def test_a_time_is_the_moment_that_xml_schema_means(
    client: httpx.Client, user: int, time: str, date: str
) -> None:
    client.post(f"/users/{user}/points/gpx", content=gpx(at(time)), headers=GPX).raise_for_status()
    [point] = client.get(f"/users/{user}/points").json()["items"]
    assert point["date"] == date


TIMES = [
    *("", "noon", "2010-10-03", "2010-10-03 09:36:30Z", "2010-10-03T09:36Z", "1286098590"),
    *("2010-02-30T09:36:30Z", "2010-10-03T24:00:01Z", "2010-10-03T09:36:60Z"),
    *("2010-10-03T09:36:30+05:99", "2010-10-03T09:36:30A05", "2010-10-03T09:36:30+15:00"),
    *(
        "\uff12\uff10\uff11\uff10-10-03T09:36:30Z",
        "9999-12-31T24:00:00Z",
        "0001-01-01T00:00:00+01:00",
    ),
]
NUMBERS = [
    "",
    "+05:99",
    "A05",
    "1_0",
    "\uff14\uff17",
    "47,0",
    "0x1F",
    "inf",
    "NaN",
    "90.1",
    "--1",
    "1e999",
]


@pytest.mark.parametrize(
    ("point", "message"),
    [
        *((at(time), "time: ") for time in TIMES),
        *((at("2010-10-03T09:36:30Z", lat=number), "lat of trkpt: ") for number in NUMBERS),
        (at("2010-10-03T09:36:30Z", lon="180.1"), "lon of trkpt: "),
        ('<trkpt lat="47" lon="12.5"/>', "trkpt has no time"),
        (f'<trkpt lat="47">{TIME}</trkpt>', "trkpt has no lon"),
        (
            at("2010-10-03T09:36:30Z", lat="1" * LONG + "x"),
            "lat of trkpt: '111",
        ),
        (
            f'<trkpt lat="47" lon="12.5">{TIME * 2}</trkpt>',
            "the trkpt element has more than one time element",
        ),
        (at(" " * (MAX_TEXT + 1)), f"time is longer than {MAX_TEXT} characters"),
    ],
)
def test_an_invalid_point_is_named_with_its_element(
    client: httpx.Client, user: int, point: str, message: str
) -> None:
    content = gpx(POINT, point, POINT)
    response = client.post(f"/users/{user}/points/gpx", content=content, headers=GPX)
    assert response.status_code == 422
    assert response.json()["detail"].startswith(f"point 2: {message}")
    assert client.get(f"/users/{user}/points").json()["items"] == []


WAYPOINTS = '<wpt lat="1" lon="2"/>' * 3 + '<rte><rtept lat="1" lon="2"/></rte>'
ENTITY = '<!DOCTYPE gpx [<!ENTITY e "2010-10-03T09:36:30Z">]>'
DECLARED = f'<?xml version="1.0" encoding="{{}}"?>{gpx(POINT)}'
KML = '<kml xmlns="http://www.opengis.net/kml/2.2"><Document/></kml>'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"<gpx {NAMESPACE}>{WAYPOINTS}</gpx>", "has 3 waypoints, 1 route, no track point"),
        (gpx(), "has 1 track, no track point"),
        (f"<gpx {NAMESPACE}/>", "has no track point"),
        (KML, "the root element is kml of 'http://www.opengis.net/kml/2.2'"),
        (gpx(POINT, namespace='xmlns="urn:other"'), "the root element is gpx of 'urn:other'"),
        ("<g:gpx/>", "the root element is g:gpx"),
        ("<html><body><trkpt/></body></html>", "the root element is html"),
        ("<!DOCTYPE html><html/>", "document type (html)"),
        (ENTITY + gpx(at("&e;")), "document type (gpx)"),
        (gpx(at("&e;")), "undefined entity"),
        ("", "no element found"),
        ("no gpx", "syntax error"),
        ('{"lat": 47}', "not well-formed"),
        (gpx(POINT, POINT)[:-20], "(near point 2)"),
        (gpx(POINT, POINT, "<trkpt></time>"), "(near point 3)"),
        ("<gpx" + " xmlns" * 40_000, "not well-formed"),
        (
            "<gpx " + " ".join(f'a{n}=""' for n in range(LONG // 5)) + "/>",
            f"{MAX_TOKEN} bytes",
        ),
        (gpx("".join(f"<a{n}/>" for n in range(MAX_NAMES // 4))), f"{MAX_NAMES} characters"),
        ("<gpx>" + "<a>" * MAX_DEPTH, f"{MAX_DEPTH} elements"),
        ('<?xml version="1.0" encoding="none"?>' + gpx(POINT), "the encoding 'none' is unknown"),
        (
            '<?xml version="1.0" encoding="shift_jis"?>' + gpx(POINT),
            "the encoding 'shift_jis' is unknown",
        ),
        (DECLARED.format("x" * 60_000), f"the encoding '{'x' * EXCERPT}...' is unknown"),
    ],
    ids=range(22),  # short ids, because some contents are long
)
def test_a_file_without_a_track_is_response_with_a_reason(
    client: httpx.Client, user: int, content: str, message: str
) -> None:
    response = client.post(f"/users/{user}/points/gpx", content=content, headers=GPX)
    assert response.status_code == 422
    assert message in response.json()["detail"]
    assert client.get(f"/users/{user}/points").json()["items"] == []


def test_names_of_encodings_do_not_stay_in_memory(client: httpx.Client, user: int) -> None:
    """Python caches the name of every encoding that it looks up, without a limit."""
    before = set(encodings._cache)
    for number in range(20):
        content = DECLARED.format(f"{number}{'x' * 60_000}")
        response = client.post(f"/users/{user}/points/gpx", content=content, headers=GPX)
        assert response.status_code == 422
    new: set[str] = set(encodings._cache) - before
    assert not [name for name in new if "xxx" in name]


def test_a_file_of_many_pieces_keeps_its_order(client: httpx.Client, user: int) -> None:
    minutes = range(2000)
    points = [at("2010-10-03T09:36:30Z", lat=f"{minute / 100}") for minute in minutes]
    content = gpx(*points).encode("utf-16")
    assert len(content) > 10 * PIECE_SIZE

    declaration = '<?xml version="1.0" encoding="UTF-16"?>'.encode("utf-16")
    body = declaration + content[2:]
    upload = client.post(f"/users/{user}/points/gpx", content=body, headers=GPX)
    track = client.get(f"/users/{user}/track.geojson").json()

    assert upload.json() == {"points": len(minutes)}
    assert [lat for _, lat in track["geometry"]["coordinates"]] == [n / 100 for n in minutes]


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(POINT, id="points", marks=pytest.mark.thorough),
        pytest.param("<a/>", id="elements", marks=pytest.mark.thorough),
        pytest.param("x", id="text"),
        pytest.param(f"<a b='{'x' * LONG}'/>", id="long attributes"),
    ],
)
def test_memory_does_not_grow_with_the_file(part: str) -> None:
    parser, text = GpxParser(), part * (PIECE_SIZE // len(part) + 1)
    parser.feed(gpx(POINT).partition("</trkseg>")[0].encode())
    tracemalloc.start()  # it counts expat too, which uses the allocator of Python
    try:
        for _ in range(MIB // len(text)):
            for start in range(0, len(text), PIECE_SIZE):
                parser.feed(text[start : start + PIECE_SIZE].encode())
        assert tracemalloc.get_traced_memory()[1] < MIB // 2
    finally:
        tracemalloc.stop()
