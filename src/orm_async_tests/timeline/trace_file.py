"""Writes events in Chrome's trace format, which Perfetto can open.

In a trace, the tasks of a variant are threads of one process, and the connections are threads of
another process. Perfetto draws a thread as a row, and an event as a bar. Two bars in a row must not
overlap unless one contains the other.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from orm_async_tests.timeline.event_list import SENT, Event
from orm_async_tests.timeline.lanes import LEGEND, MARKS, name_task
from orm_async_tests.timeline.sentences import shorten_statement

GAP = 1000  # microseconds between two variants
LONGEST_NAME = 80  # characters
FURTHER = 1000  # added to a thread's number for slices that overlap others of the thread
Slice = dict[str, Any]


def build_trace(runs: Iterable[tuple[str, Sequence[Event]]]) -> str:
    slices: list[Slice] = []
    offset = 0
    for number, (name, events) in enumerate(runs):
        for piece in _build_run(name, events, 2 * number + 1):
            slices.append({**piece, "ts": piece["ts"] + offset} if "ts" in piece else piece)
        offset += max((event.end for event in events), default=0) + GAP
    document = {"traceEvents": list(_nest(slices)), "displayTimeUnit": "ms"}
    return json.dumps(document, indent=0)


def _build_run(name: str, events: Sequence[Event], tasks: int) -> Iterator[Slice]:
    """Yield the trace of one run.

    The run's tasks get the process ID `tasks`, and the connections get the process ID `tasks + 1`.
    """
    connections = tasks + 1
    yield _name("process", tasks, 0, f"{name}: tasks")
    yield _name("process", connections, 0, f"{name}: connections")
    backends = {event.connection: event.pid for event in events if event.connection}
    for number, pid in sorted(backends.items()):
        backend = f", backend {pid}" if pid else ""
        yield _name("thread", connections, number, f"connection {number}{backend}")
    for event in events:
        if event.kind == "task":
            yield _name("thread", tasks, event.task, name_task(event))
        if event.kind in ("error", "cancel", "http") or event.unsent:
            words = event.error or event.text or LEGEND[MARKS[event.kind]]
            yield _piece(event, tasks, event.task, words, ph="i", s="t")
        elif event.kind != "checkout" and event.task:
            yield _slice(event, tasks, event.task)
        if event.connection and (event.kind == "checkout" or event.is_sent):
            yield _slice(event, connections, event.connection)
    yield from _count_checkouts(events, connections)
    yield from _draw_flows(events, connections)


def _slice(event: Event, process: int, thread: int) -> Slice:
    name = event.text if event.kind in (*SENT, "task") else ""
    name = shorten_statement(name, LONGEST_NAME) or LEGEND.get(
        MARKS.get(event.kind, ""), f"task {event.task}"
    )
    return _piece(event, process, thread, name, ph="X", dur=event.duration)


def _piece(event: Event, process: int, thread: int, name: str, **fields: Any) -> Slice:
    place = f"{event.path}:{event.line}" if event.path else event.line
    arguments = {
        "task": event.task,
        "connection": event.connection,
        "backend": event.pid,
        "line": place if event.line else 0,
        "statement": event.text if event.kind != "task" else "",
        "error": event.error,
        "round trips": event.round_trips,
        "begins a transaction": event.begins,
        "waits for": ", ".join(map(str, event.holders)),
    }
    shown = {key: value for key, value in arguments.items() if value}
    piece = {"name": name, "cat": event.kind, "pid": process, "tid": thread, "ts": event.start}
    return {**piece, "args": shown, **fields}


def _name(of: str, process: int, thread: int, name: str) -> Slice:
    arguments = {"name": name}
    return {"ph": "M", "name": f"{of}_name", "pid": process, "tid": thread, "args": arguments}


def _count_checkouts(events: Sequence[Event], process: int) -> Iterator[Slice]:
    changes = Counter[int]()
    for event in events:
        if event.kind == "checkout":
            changes[event.start] += 1
            changes[event.end] -= 1
    checked_out = 0
    for moment, change in sorted(changes.items()):
        checked_out += change
        arguments = {"connections": checked_out}
        yield {"ph": "C", "name": "checked out", "pid": process, "ts": moment, "args": arguments}


def _draw_flows(events: Sequence[Event], process: int) -> Iterator[Slice]:
    locks = [event for event in events if event.kind == "lock"]
    pairs = [(event, holder) for event in locks for holder in event.holders if holder]
    for number, (event, holder) in enumerate(pairs, start=process * 10000 + 1):
        flow = {"name": "lock", "cat": "lock", "id": number, "pid": process, "ts": event.start}
        yield {**flow, "ph": "s", "tid": holder}
        yield {**flow, "ph": "f", "bp": "e", "tid": event.connection}


def _nest(pieces: list[Slice]) -> Iterator[Slice]:
    """Sort the slices by time, and move slices that partly overlap to separate threads."""
    open_until: dict[tuple[int, int], list[int]] = {}
    for piece in sorted(pieces, key=lambda piece: (piece.get("ts", -1), -piece.get("dur", 0))):
        if piece["ph"] == "X":
            end = piece["ts"] + piece["dur"]
            while True:
                ends = open_until.setdefault((piece["pid"], piece["tid"]), [])
                while ends and ends[-1] <= piece["ts"]:
                    ends.pop()
                if not ends or end <= ends[-1]:
                    break
                piece["tid"] += FURTHER
            ends.append(end)
        yield piece
