"""Describes in words what a line of code sent, waited for or raised."""

import re
from collections.abc import Iterator, Sequence

from orm_async_tests.harness.report.abridged_sql import abridge
from orm_async_tests.harness.report.phrasing import pluralize
from orm_async_tests.timeline.event_list import Event
from orm_async_tests.timeline.sentences import describe_events

WAITS = ("pool", "busy", "lock")
MAX_NOTES = 4  # the maximum number of statements, and of waits, that are shown for a line
STATE = re.compile(r"(?<=SQLSTATE )\w{5}")
NAMES = {  # PostgreSQL's names of SQLSTATEs whose classes in asyncpg have other names
    "40001": "serialization_failure",
    "42601": "syntax_error",
    "42803": "grouping_error",
    "P0001": "raise_exception",
}
WORD = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

Note = tuple[str, str, int | None]  # a mark, a text, and the round trips if they count


def annotate_line(number: int, events: Sequence[Event], code: str) -> Iterator[Note]:
    here = [event for event in events if event.line == number]
    sent: dict[str, list[Event]] = {}
    for event in here:
        if event.is_sent:
            sent.setdefault(_describe_statement(event, code), []).append(event)
        elif event.kind == "connect" and not event.error:
            sent.setdefault("opens a connection", []).append(event)
        elif event.kind == "checkout" and event.round_trips:
            sent.setdefault("checks the connection", []).append(event)
    for text, several in [*sent.items()][:MAX_NOTES]:
        times = f"{len(several)} x " if len(several) > 1 else ""
        yield ">", f"{times}{text}", sum(event.round_trips for event in several)
    if len(sent) > MAX_NOTES:
        yield ">", f"and {pluralize(len(sent) - MAX_NOTES, 'other statement')}", None
    waits = describe_events([event for event in here if event.kind in WAITS], events)
    for _, text in waits[:MAX_NOTES]:
        yield "~", text.removeprefix(f"line {number}: "), None
    if len(waits) > MAX_NOTES:
        yield "~", f"and {pluralize(len(waits) - MAX_NOTES, 'more wait')}", None
    errors = {event.error: event for event in here if event.error and event.kind != "task"}
    for event in errors.values():
        yield "!", describe_error(event), None


def _describe_statement(event: Event, code: str) -> str:
    if event.kind != "statement" and "async with" in code:
        return f"on exit: {abridge(event.text)}"
    return f"{'BEGIN; ' if event.begins else ''}{abridge(event.text)}"


def describe_error(event: Event) -> str:
    error = STATE.sub(lambda state: f"{state[0]} {name_sqlstate(state[0])}", event.error)
    return f"{error}: {event.message}".rstrip(": ")


def name_sqlstate(state: str) -> str:
    import asyncpg

    if state in NAMES:
        return NAMES[state]
    error = asyncpg.PostgresError.get_message_class_for_sqlstate(state)
    return WORD.sub("_", error.__name__.removesuffix("Error")).lower()
