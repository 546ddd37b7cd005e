"""Draws a timeline in the terminal."""

import textwrap
from collections.abc import Iterator, Sequence

from orm_async_tests.terminal import Styled
from orm_async_tests.timeline.event_list import Event
from orm_async_tests.timeline.lanes import LEGEND, Lane, Scale, build_lanes
from orm_async_tests.timeline.sentences import count_statements, describe_events, format_time

INDENT, NAME_WIDTH = 4, 24  # columns before a lane, and of its name
TIME = 8  # columns of the time before a sentence
MAX_LANES, MAX_SENTENCES = 16, 10
NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
NOTE = (
    "The lanes are not to scale: every event has a column. Read the times above the lanes."
    " A wait of a few milliseconds for a lock may appear as a statement."
)


def render_timeline(events: Sequence[Event], outcome: str, columns: int) -> Iterator[Styled]:
    width = columns - INDENT - NAME_WIDTH - 1
    scale = Scale(events, width)
    lanes = build_lanes(events)
    margin = " " * (INDENT + NAME_WIDTH + 1)
    yield "dim", (margin + _draw_ruler(scale, width)).rstrip()
    for lane in lanes[:MAX_LANES]:
        name = textwrap.shorten(lane.name, NAME_WIDTH, placeholder="")
        yield "", f"{'':{INDENT}}{name:{NAME_WIDTH}} {_draw(lane, scale, width)}".rstrip()
    if len(lanes) > MAX_LANES:
        yield "dim", f"{'':{INDENT}}and {len(lanes) - MAX_LANES} more tasks and connections"
    if scale.is_dense:
        dense = f"Each column stands for several of the {len(events)} events. In total:"
        yield from _render_note("dim", "", dense, columns)
        for text in count_statements(events):
            yield from _render_note("", "", text, columns)
    sentences = describe_events(events)
    for moment, text in sentences[:MAX_SENTENCES]:
        yield from _render_note("", format_time(moment), text, columns)
    if (more := len(sentences) - MAX_SENTENCES) > 0:
        yield from _render_note("dim", "", f"and {more} more waits and errors", columns)
    yield from _render_note("bold", "outcome:", outcome, columns)


def _render_note(style: str, head: str, text: str, columns: int) -> Iterator[Styled]:
    for line in textwrap.wrap(text, columns - INDENT - TIME - 2, break_on_hyphens=False):
        yield style, f"{'':{INDENT}}{head:>{TIME}}  {line}"
        head = ""


def render_legend(runs: Sequence[Sequence[Event]], columns: int) -> Iterator[Styled]:
    marks = {bar.mark for events in runs for lane in build_lanes(events) for bar in lane.bars}
    words = [f"{mark} {meaning}" for mark, meaning in LEGEND.items() if mark in marks]
    words.append("a digit: the task that uses the connection")
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
    ruler = ""
    for moment in scale.moments:
        text, position = format_time(moment), scale.find(moment)
        if (not ruler or position >= len(ruler) + 2) and position + len(text) <= width:
            ruler = ruler.ljust(position) + text
    return ruler
