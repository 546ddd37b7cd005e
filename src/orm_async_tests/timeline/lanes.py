"""Draws one lane for each task and each connection."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from orm_async_tests.timeline.event_list import SENT, Event, Kind
from orm_async_tests.timeline.sentences import numeral

MARKS: dict[Kind, str] = {  # of a task's lane
    "task": ".",
    "pool": "p",
    "connect": "o",
    "busy": "w",
    "statement": "=",
    "lock": "L",
    "commit": "C",
    "rollback": "R",
    "error": "!",
    "cancel": "x",
    "http": "H",
}
LEGEND = {
    "=": "statement",
    "C": "COMMIT",
    "R": "ROLLBACK",
    "p": "waits for the pool",
    "L": "waits for a lock",
    "w": "waits for the task that uses the connection",
    "o": "opens a connection",
    ".": "runs Python or waits for something else",
    "!": "error",
    "x": "cancelled",
    "H": "HTTP response, or the client disconnects",
    "-": "checked out, but idle",
}
ORDER = ".-po=CRwLH!x"  # a later mark covers an earlier one
INNER = (*SENT, "pool", "connect", "busy", "lock", "error", "cancel", "http")
LONGEST_GAP = 4  # times the median gap: longer ones are shortened


class Bar(NamedTuple):
    event: Event
    mark: str


class Lane(NamedTuple):
    """A row of the timeline, for one task or one connection.

    A bar hides earlier bars that it overlaps.
    """

    name: str
    bars: list[Bar]


def build_lanes(events: Sequence[Event]) -> list[Lane]:
    tasks = {event.task: Lane(name_task(event), []) for event in events if event.kind == "task"}
    drawn = [event for event in events if not event.unsent]
    numbers = {event.connection for event in drawn if event.kind in ("checkout", *SENT)} - {0}
    connections = {number: Lane(f"connection {number}", []) for number in sorted(numbers)}
    locked = {(event.task, event.start) for event in events if event.kind == "lock"}
    for event in sorted(drawn, key=lambda event: ORDER.index(MARKS.get(event.kind, "-"))):
        is_statement = event.kind == "statement"
        is_covered = is_statement and (event.task, event.start) in locked
        if event.task in tasks and event.kind != "checkout" and not is_covered:
            tasks[event.task].bars.append(Bar(event, MARKS[event.kind]))
        if event.connection and event.kind in ("checkout", *SENT):
            mark = numeral(event.task) if is_statement else MARKS.get(event.kind, "-")
            connections[event.connection].bars.append(Bar(event, mark))
    for event in events:
        if event.error and event.kind in (*SENT, "pool", "connect") and event.task in tasks:
            end = Event("error", event.end, task=event.task, error=event.error)
            tasks[event.task].bars.append(Bar(end, MARKS["error"]))
    return [*tasks.values(), *connections.values()]


def name_task(event: Event) -> str:
    """Return a task's number and name, for example "task 2 query"."""
    return f"task {numeral(event.task)} {event.text.rpartition('.')[2]}"


class Scale:
    """Maps the moments of a run to columns of the timeline.

    The scale shortens long waits, to leave room for short events.
    """

    def __init__(self, events: Sequence[Event], columns: int) -> None:
        inner = [event for event in events if event.kind in INNER]
        moments = {0, *(event.start for event in inner), *(event.end for event in inner)}
        self.moments = sorted(moments)
        self.is_dense = len(moments) > columns  # a position stands for several moments
        self._positions = _spread(self.moments, columns)

    def find(self, moment: int) -> int:
        """Return the column of a moment, rounded down to the start or end of an event."""
        return self._positions[bisect_right(self.moments, moment) - 1]


def _spread(moments: Sequence[int], columns: int) -> list[int]:
    """Return the timeline's column for each moment, counted from the left.

    Every gap between two moments gets at least one column, and a longer gap gets more columns.
    """
    if len(moments) > columns:
        return [number * columns // len(moments) for number in range(len(moments))]
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    if not gaps:
        return [0]
    longest = LONGEST_GAP * sorted(gaps)[len(gaps) // 2]
    lengths = [min(gap, longest) or 1 for gap in gaps]
    free, total = columns - len(moments), sum(lengths)
    sums = accumulate(lengths, initial=0)
    return [number + free * length // total for number, length in enumerate(sums)]
