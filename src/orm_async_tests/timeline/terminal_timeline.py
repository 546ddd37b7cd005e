"""Draw a timeline in a terminal."""

import textwrap
from collections.abc import Iterator, Sequence

from orm_async_tests.terminal import Styled
from orm_async_tests.timeline.event_list import Event
from orm_async_tests.timeline.lanes import (
    LEGEND,
    Lane,
    Scale,
    build_lanes,
    describe_waits,
    format_time,
)

INDENT, NAME = 4, 24  # columns before a lane, and of its name
MOST_LANES, MOST_SENTENCES = 16, 8
TICK = 10  # columns of a time
NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
NOTE = (
    "Every event has a column, so the lanes are not to scale: read the times above them. A wait for"
    " a lock that ends within 10 ms may show as a statement."
)


def render_timeline(events: Sequence[Event], columns: int) -> Iterator[Styled]:
    """Render a ruler, the lanes, and a sentence for each wait and error."""
    width = columns - INDENT - NAME - 1
    scale = Scale(events, width)
    lanes = build_lanes(scale.events)
    margin = " " * (INDENT + NAME + 1)
    yield "dim", (margin + _draw_ruler(scale, width)).rstrip()
    for lane in lanes[:MOST_LANES]:
        name = textwrap.shorten(lane.name, NAME, placeholder="")
        yield "", f"{'':{INDENT}}{name:{NAME}} {_draw(lane, scale, width)}".rstrip()
    if len(lanes) > MOST_LANES:
        yield "dim", f"{'':{INDENT}}and {len(lanes) - MOST_LANES} more tasks and connections"
    if len(scale.events) < len(events):
        rest = f"the first {len(scale.events)} of {len(events)} events; --trace FILE writes all"
        yield "dim", f"{'':{INDENT}}{rest}"
    sentences = list(dict.fromkeys(describe_waits(events)))
    for sentence in sentences[:MOST_SENTENCES]:
        for line in textwrap.wrap(sentence, columns - INDENT - 2):
            yield "", f"{'':{INDENT}}{line}"
    if len(sentences) > MOST_SENTENCES:
        yield "dim", f"{'':{INDENT}}and {len(sentences) - MOST_SENTENCES} more waits and errors"


def render_legend(columns: int) -> Iterator[Styled]:
    """Render what the characters mean."""
    words = [f"{mark} {meaning}" for mark, meaning in LEGEND.items()]
    words.append("1 2 3 the number of the task that uses the connection")
    entries = "   ".join(word.replace(" ", NO_BREAK_SPACE) for word in words)  # each on one line
    for line in [*textwrap.wrap(entries, columns - 2), *textwrap.wrap(NOTE, columns - 2)]:
        yield "dim", f"  {line.replace(NO_BREAK_SPACE, ' ')}"


def _draw(lane: Lane, scale: Scale, width: int) -> str:
    cells = [" "] * width
    for bar in lane.bars:
        start, end = scale.find(bar.event.start), scale.find(bar.event.end)
        for column in range(start, max(end, start + 1)):
            cells[column] = bar.mark
    return "".join(cells)


def _draw_ruler(scale: Scale, width: int) -> str:
    """Return the moments of some columns."""
    ruler = ""
    for moment in scale.moments:
        text, position = format_time(moment), scale.find(moment)
        if (not ruler or position >= len(ruler) + 2) and position + len(text) <= width:
            ruler = ruler.ljust(position) + text
    return ruler
