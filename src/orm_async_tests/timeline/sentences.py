"""Describes in words how tasks waited, failed and ended."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from string import ascii_lowercase, digits

from orm_async_tests.timeline.event_list import SENT, Event, Kind

NUMERALS = digits[1:] + ascii_lowercase  # task numbers with one character
WAITS: dict[Kind, str] = {  # what several tasks waited for
    "pool": "for a connection of the pool",
    "busy": "for another task's statement on the same connection",
    "lock": "for a lock that another of these tasks holds",
}
MAX_SENTENCES = 8  # above this number, waits of several tasks are joined
LONGEST_STATEMENT, LONGEST_MESSAGE = 40, 80  # characters
MAX_NAMES = 8  # of tasks in one sentence
Groups = dict[tuple[int, str, str, int], list[Event]]  # by line, task, text and position
Sentence = tuple[int, str]  # the microseconds at which something ended, and what it was


def describe_events(
    events: Sequence[Event], among: Sequence[Event] | None = None
) -> list[Sentence]:
    """Return a sentence for every wait, error and HTTP response, sorted by end time.

    For several equal events, return only one sentence. In a run with HTTP responses, also return a
    sentence for every commit. If `events` is only a part of a run, pass the whole run as `among`.
    """
    groups: Groups = {}
    position, last = 0, ("", "")
    for event in sorted(events, key=lambda event: (event.end, event.kind in SENT)):
        if text := _describe(event, among or events):
            who = f"task {numeral(event.task)} " if event.task else ""
            is_wait = event.kind in WAITS
            if not is_wait and (who, text) != last:  # join equal events if nothing is between them
                position, last = position + 1, (who, text)
            key = event.line, who, text, 0 if is_wait else position
            groups.setdefault(key, []).append(event)
    if len(groups) > MAX_SENTENCES:
        groups = _join_tasks(groups)
    return [(group[0].end, _compose(*key[:3], group)) for key, group in groups.items()]


def count_statements(events: Sequence[Event]) -> Iterator[str]:
    """Yield how many statements each task sent, for example "task 2 sent 5 SELECT, 5 COMMIT"."""
    sent = [event for event in events if event.is_sent]
    for task in sorted({event.task for event in sent}):
        words = Counter(event.text.partition(" ")[0] for event in sent if event.task == task)
        yield f"task {numeral(task)} sent " + ", ".join(f"{n} {word}" for word, n in words.items())


def _join_tasks(groups: Groups) -> Groups:
    """Group the equal events that several tasks have at one line of code.

    Two waits are equal if the tasks waited for the same kind of thing, for example for a lock.
    """
    joined: Groups = {}
    for (line, who, text, _), group in groups.items():
        wait = "" if group[0].error else WAITS.get(group[0].kind, "")
        joined.setdefault((line, who and "*", wait or text, 0), []).extend(group)
    return {
        (line, who and _name_tasks(group), text, 0): group
        for (line, who, text, _), group in joined.items()
    }


def _name_tasks(events: Sequence[Event]) -> str:
    *others, last = map(numeral, sorted({event.task for event in events}))
    if len(others) > MAX_NAMES:
        return f"{len(others) + 1} tasks "
    return f"tasks {', '.join(others)} and {last} " if others else f"task {last} "


def _compose(line: int, who: str, text: str, events: Sequence[Event]) -> str:
    times = len(events)
    if events[0].kind in WAITS:
        duration = format_time(sum(event.duration for event in events))
        count = f"{times} times, {duration} in all," if times > 1 else duration
        text = f"waited {count} {text}"
    elif times > 1:
        text = f"{text} ({times} times)"
    return f"{f'line {line}: ' if line else ''}{who}{text}"


def _describe(event: Event, events: Sequence[Event]) -> str:
    match event.kind:
        case "pool":
            others = [
                f"task {numeral(other.task)} got connection {other.connection}"
                for other in events
                if other.kind == "checkout" and event.start < other.start < event.end
            ]
            meanwhile = f", while {' and '.join(others[:3])}" if others else ""
            return f"{WAITS['pool']}{f': {event.error}' if event.error else meanwhile}"
        case "busy":
            holder = f"task {numeral(event.holders[0])}'s statement"
            return f"for {holder} on connection {event.connection}"
        case "lock":
            holders = [_name_holder(number, event, events) for number in event.holders]
            return f"for a lock that {' and '.join(dict.fromkeys(holders))}"
        case "error":
            return f"ended with {event.error}"
        case "cancel":
            return "was cancelled"
        case "http":
            return event.text
        # This shows whether the commit or the response came first.
        case "commit" if not event.error and any(other.kind == "http" for other in events):
            return "committed"
    return _describe_error(event, events) if event.error and event.kind in SENT else ""


def _describe_error(event: Event, events: Sequence[Event]) -> str:
    others = [
        f", while task {numeral(other.task)} used the connection"
        for other in events
        if other.kind == "statement" and other.connection == event.connection
        if other.task != event.task and other.start < event.start < other.end
    ]
    message = f": {textwrap.shorten(event.message, LONGEST_MESSAGE)}" if event.message else ""
    statement = shorten_statement(event.text, LONGEST_STATEMENT)
    return f"got {event.error} from {statement}{''.join(others[:1]) or message}"


def _name_holder(number: int, lock: Event, events: Sequence[Event]) -> str:
    for event in events:
        is_same = event.kind == "checkout" and event.connection == number
        if is_same and event.start <= lock.end and event.end >= lock.start:
            return f"task {numeral(event.task)} holds on connection {number}"
    return f"connection {number} holds" if number else "another process holds"


def numeral(task: int) -> str:
    return NUMERALS[task - 1] if 0 < task <= len(NUMERALS) else "#"


def shorten_statement(text: str, width: int) -> str:
    """Return the first words of a statement."""
    return textwrap.shorten(text[: 2 * width], width)  # a bulk INSERT has thousands of words


def format_time(microseconds: int) -> str:
    """Return a duration with a suitable unit, for example "1.6 ms" or "1.02 s"."""
    if microseconds >= 1_000_000:
        return f"{microseconds / 1_000_000:.2f} s"
    places = 0 if microseconds >= 100_000 else 1
    return f"{microseconds / 1000:.{places}f} ms"
