"""Draws a timeline as an SVG image, with a text alternative."""

import textwrap
from collections.abc import Iterator, Sequence
from html import escape

from orm_async_tests.timeline.event_list import Event
from orm_async_tests.timeline.lanes import LEGEND, Bar, Lane, Scale, build_lanes
from orm_async_tests.timeline.sentences import describe_events, format_time, shorten_statement

WIDTH, NAMES, ROW, BAR = 720, 190, 20, 14  # pixels; NAMES is the width of the lanes' names
COLUMNS = 110  # positions on the scale
MAX_LANES = 24
CHARACTER = 7  # pixels
WAITS = "pLw"  # drawn as dashed outlines, so that color is not needed
QUIET = ".-"
MAX_CHARACTERS = 60  # characters of a statement in a title


def timeline_svg(events: Sequence[Event], outcome: str) -> str:
    """Return the timeline as a static SVG image.

    The image uses the text color of the HTML page. Each bar has a title, and the element `desc`
    describes the image in words.
    """
    scale = Scale(events, COLUMNS)
    lanes = build_lanes(events)[:MAX_LANES]
    height = ROW * (len(lanes) + 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        ' font-family="ui-monospace, monospace" font-size="11" fill="currentColor">',
        "<title>Timeline of tasks and connections</title>",
        f"<desc>{escape(describe_timeline(events, outcome))}</desc>",
    ]
    shown = -CHARACTER
    for moment in scale.moments:
        x, text = _find_x(scale, moment), format_time(moment)
        if x >= shown + CHARACTER and x + len(text) * CHARACTER <= WIDTH:
            parts.append(f'<text x="{x}" y="13" opacity="0.7">{text}</text>')
            shown = x + len(text) * CHARACTER
    for number, lane in enumerate(lanes, start=1):
        name = escape(lane.name[: NAMES // CHARACTER])
        parts.append(f'<g transform="translate(0 {number * ROW})">')
        parts.append(f'<text y="12">{name}</text>')
        parts.append('<g fill-opacity=".25" stroke="currentColor">')
        parts += _draw_lane(lane, scale)
    text = escape(textwrap.shorten(outcome, WIDTH // CHARACTER))
    return "\n".join([*parts, f'<text y="{height - 7}">{text}</text>', "</svg>"])


def describe_timeline(events: Sequence[Event], outcome: str) -> str:
    lanes = ", ".join(lane.name for lane in build_lanes(events))
    sentences = [text for _, text in describe_events(events)]
    waits = sentences or ["no task waited for another, and there was no error"]
    texts = [f"Lanes: {lanes}", *waits, f"the variant {outcome}"]
    return ". ".join(text[0].upper() + text[1:] for text in texts) + "."


def _draw_lane(lane: Lane, scale: Scale) -> Iterator[str]:
    bars: dict[tuple[int, int, str], Bar] = {}  # the first of all bars that look the same
    for bar in lane.bars:
        x = _find_x(scale, bar.event.start)
        width = max(_find_x(scale, bar.event.end) - x, 3)
        bars.setdefault((x, width, bar.mark), bar)
    marks = ""
    for (x, width, mark), bar in bars.items():
        shape = f'y="3" height="{BAR}"'
        if mark in QUIET:
            shape = f'y="{ROW // 2 - 1}" height="1" stroke="none"'
        elif mark in WAITS:
            shape += ' fill="none" stroke-dasharray="3 2"'
        title = escape(describe_bar(bar))
        yield f'<rect x="{x}" width="{width}" {shape}><title>{title}</title></rect>'
        if mark not in QUIET and (width >= CHARACTER or mark in "!xH"):
            marks += f'<text x="{x + width // 2}" y="14">{mark}</text>'
    yield f'</g><g text-anchor="middle">{marks}</g></g>'


def describe_bar(bar: Bar) -> str:
    event = bar.event
    has_statement = event.kind != "task" and bar.mark in LEGEND
    parts = [
        LEGEND.get(bar.mark, f"statement of task {bar.mark}"),
        format_time(event.duration),
        f"line {event.line}" if event.line else "",
        shorten_statement(event.text, MAX_CHARACTERS) if has_statement else "",
        event.error,
    ]
    return ", ".join(filter(None, parts))


def _find_x(scale: Scale, moment: int) -> int:
    return NAMES + scale.find(moment) * (WIDTH - NAMES - 10) // COLUMNS
