"""One lane for each task and each connection, and what their waits and errors mean in words."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from string import ascii_lowercase, digits

from orm_async_tests.timeline.event_list import Event, Kind

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
}
LEGEND = {
    "=": "statement",
    "C": "COMMIT",
    "R": "ROLLBACK",
    "p": "waits for the pool",
    "L": "waits for a lock",
    "w": "waits for the task that uses the connection",
    "o": "opens a connection",
    ".": "does none of this",
    "!": "error",
    "x": "cancelled",
    "-": "idle in the task's hands",
}
NUMERALS = digits[1:] + ascii_lowercase  # of tasks in a connection's lane
ORDER = ".-po=CRwL!x"  # a later mark covers an earlier one
SENT = ("statement", "commit", "rollback")
INNER = (*SENT, "pool", "connect", "busy", "lock", "error", "cancel")
LONGEST_GAP = 4  # times the median gap: longer ones are shortened


@dataclass(frozen=True)
class Bar:
    """A part of a lane."""

    event: Event
    mark: str


@dataclass
class Lane:
    """A task or a connection, with its bars from the bottom to the top."""

    name: str
    bars: list[Bar] = field(default_factory=list)


def build_lanes(events: Sequence[Event]) -> list[Lane]:
    """Return the lanes of the tasks, then those of the connections."""
    tasks, connections = dict[int, Lane](), dict[int, Lane]()
    for event in events:
        if event.kind == "task":
            tasks[event.task] = Lane(name_task(event))
    locked = {(event.task, event.start) for event in events if event.kind == "lock"}
    for event in sorted(events, key=_find_layer):
        is_covered = event.kind == "statement" and (event.task, event.start) in locked
        if event.task in tasks and event.kind != "checkout" and not is_covered:
            tasks[event.task].bars.append(Bar(event, MARKS[event.kind]))
        if event.connection and event.kind in ("checkout", *SENT):
            name = f"connection {event.connection}"
            lane = connections.setdefault(event.connection, Lane(name))
            lane.bars.append(Bar(event, _connection_mark(event)))
    for event in events:
        if event.error and event.kind in (*SENT, "pool", "connect") and event.task in tasks:
            end = Event("error", event.end, task=event.task, error=event.error)
            tasks[event.task].bars.append(Bar(end, MARKS["error"]))
    return [*tasks.values(), *(connections[number] for number in sorted(connections))]


def name_task(event: Event) -> str:
    """Return the number and the name of a task, for example "task 2 query"."""
    return f"task {_numeral(event.task)} {event.text.rpartition('.')[2]}"


def _find_layer(event: Event) -> int:
    return ORDER.index(MARKS.get(event.kind, "-"))


def _connection_mark(event: Event) -> str:
    if event.kind == "statement":
        return _numeral(event.task)
    return "-" if event.kind == "checkout" else MARKS[event.kind]


def _numeral(task: int) -> str:
    return NUMERALS[task - 1] if 0 < task <= len(NUMERALS) else "#"


class Scale:
    """Positions of moments: short events get room, and long waits are shortened."""

    def __init__(self, events: Sequence[Event], columns: int) -> None:
        self.events = list(events)
        moments = [0]
        for count, event in enumerate(events):
            if event.kind in INNER:
                added = sorted({*moments, event.start, event.end})
                if len(added) > columns:
                    self.events = self.events[:count]
                    break
                moments = added
        self.moments = moments
        self._positions = _spread(moments, columns)

    def find(self, moment: int) -> int:
        """Return the position of a moment, or the position of the last known moment before it."""
        return self._positions[bisect_right(self.moments, moment) - 1]


def _spread(moments: Sequence[int], columns: int) -> list[int]:
    """Return rising positions: one column for each gap, and the rest by the gaps' lengths."""
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    if not gaps:
        return [0]
    longest = LONGEST_GAP * sorted(gaps)[len(gaps) // 2]
    lengths = [min(gap, longest) or 1 for gap in gaps]
    free, total = columns - len(moments), sum(lengths)
    sums = accumulate(lengths, initial=0)
    return [number + free * length // total for number, length in enumerate(sums)]


def describe_waits(events: Sequence[Event], among: Sequence[Event] | None = None) -> Iterator[str]:
    """Yield a sentence for every wait and every error, with its line.

    `among` has all events of the run, if `events` are some of them.
    """
    for event in events:
        where = f"line {event.line}: " if event.line else ""
        sentence = _describe(event, among or events)
        if sentence:
            yield f"{where}task {_numeral(event.task)} {sentence}"


def _describe(event: Event, events: Sequence[Event]) -> str:
    if event.kind == "pool":
        waited = f"waited {format_time(event.duration)} for a connection of the pool"
        if event.error:
            return f"{waited}: {event.error}"
        others = [
            f"task {_numeral(other.task)} got connection {other.connection}"
            for other in events
            if other.kind == "checkout" and event.start < other.start < event.end
        ]
        return f"{waited}, while {' and '.join(others[:3])}" if others else waited
    if event.kind == "busy":
        holder = _numeral(event.holders[0])
        of = f"task {holder}'s statement on connection {event.connection}"
        return f"waited {format_time(event.duration)} for {of}"
    if event.kind == "lock":
        return f"waited {format_time(event.duration)} for a lock of {_name_holders(event, events)}"
    if event.kind == "error":
        return f"ended with {event.error}"
    if event.kind == "cancel":
        return "was cancelled"
    if event.error and event.kind in SENT:
        others = [
            f", while task {_numeral(other.task)} used the connection"
            for other in events
            if other.kind == "statement" and other.connection == event.connection
            if other.task != event.task and other.start < event.start < other.end
        ]
        return f"got {event.error} from {event.text[:30]}{''.join(others[:1])}"
    return ""


def _name_holders(lock: Event, events: Sequence[Event]) -> str:
    names = []
    for number in lock.holders:
        users = [
            f" (task {_numeral(event.task)})"
            for event in events
            if event.kind == "checkout" and event.connection == number
            if event.start <= lock.end and event.end >= lock.start
        ]
        names.append(f"connection {number}{users[0] if users else ''}" if number else "another")
    return " and ".join(names)


def format_time(microseconds: int) -> str:
    """Return a duration in the unit that suits it, for example "1.6 ms" or "1.02 s"."""
    if microseconds >= 1_000_000:
        return f"{microseconds / 1_000_000:.2f} s"
    if microseconds >= 100_000:
        return f"{microseconds / 1000:.0f} ms"
    return f"{microseconds / 1000:.1f} ms"
