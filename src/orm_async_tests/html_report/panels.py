"""What the page says about each script, from its text and its results."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from markupsafe import Markup

from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.cures import cure_lines
from orm_async_tests.harness.report.abridge import abridge
from orm_async_tests.harness.report.phrasing import pluralize
from orm_async_tests.html_report.result_files import Document, Entry, Results
from orm_async_tests.html_report.variant_code import (
    CodeLine,
    VariantCode,
    highlight_lines,
    read_code,
)
from orm_async_tests.questions import Question
from orm_async_tests.timeline.event_list import KEYS, Event, Kind, from_json
from orm_async_tests.versions.defect_catalogue import KnownDefect

SENT = ("statement", "commit", "rollback")
LONGEST_SQL = 20_000  # characters; a longer statement is cut off before it is shortened
MOST_EVENTS = 40  # of a timeline
EMPTY = Event("task", 0)
MOST_SENT = 12  # statements that are shown below one line, or of a variant without events


@dataclass(frozen=True)
class Sent:
    """A statement that a line sent: how often, its round trips, and the errors."""

    text: str
    note: str


@dataclass(frozen=True)
class ShownLine:
    """A line of code with what it sent."""

    line: CodeLine
    sent: Sequence[Sent] = ()


@dataclass(frozen=True)
class ShownVariant:
    """A variant with its code, its outcome and its timeline."""

    code: VariantCode
    lines: Sequence[ShownLine]
    elsewhere: Sequence[ShownLine]  # lines of functions that the variant calls
    statements: Sequence[Sent]  # if no line is known
    outcome: str
    cost: str
    timeline: Sequence[str]


@dataclass(frozen=True)
class Panel:
    """Everything about one script."""

    script: ScriptFile
    words: Sequence[str]
    entries: Sequence[tuple[str, Entry]]  # by stack
    variants: Sequence[ShownVariant]
    rest: Sequence[CodeLine]
    cure: Sequence[CodeLine]
    questions: Sequence[Question]
    defects: Sequence[KnownDefect]
    evidence: Sequence[Document] = ()
    stack: str = ""  # that the variants ran on
    holds: str = ""  # the releases of SQLAlchemy on which it was run and holds


@dataclass(frozen=True)
class Background:
    """What is known about scripts without any result."""

    questions: Sequence[Question] = ()
    defects: Sequence[KnownDefect] = ()
    ranges: Mapping[int, str] = field(default_factory=dict)


def build_panel(script: ScriptFile, results: Results, background: Background) -> Panel:
    """Return what the page says about a script."""
    detail = results.details.get(script.number, {})
    code = read_code(script)
    runs = {run["name"]: run for run in detail.get("variants", ())}
    variants = [
        _show(variant, runs.pop(variant.name, {}), code.lines, results) for variant in code.variants
    ]
    variants += [  # variants that a function creates, for example one for each isolation level
        _show(VariantCode(name, run["kind"], "", ()), run, code.lines, results)
        for name, run in runs.items()
    ]
    pairs = ((stack, results.entries.get((stack, script.number))) for stack in results.stacks)
    return Panel(
        script=script,
        words=results.words(script.number),
        entries=[(stack, entry) for stack, entry in pairs if entry],
        variants=variants,
        rest=code.rest,
        cure=highlight_lines("\n".join(cure_lines(script))),
        questions=[item for item in background.questions if item.script == script.number],
        defects=[defect for defect in background.defects if script in defect.scripts],
        evidence=detail.get("evidence", ()),
        stack=detail.get("stack", ""),
        holds=background.ranges.get(script.number, ""),
    )


def _show(
    code: VariantCode, run: Document, lines: Mapping[int, CodeLine], results: Results
) -> ShownVariant:
    events = _read_events(run, results.problems)
    sent = dict(_group_by_line(events))
    inside = {line.number for line in code.lines}
    elsewhere = [
        ShownLine(lines.get(number, OUTSIDE), sent[number])
        for number in sorted(sent.keys() - inside)
    ]
    statements = () if sent else list(_count_log(run))
    return ShownVariant(
        code=code,
        lines=[ShownLine(line, sent.get(line.number, ())) for line in code.lines],
        elsewhere=elsewhere,
        statements=statements,
        outcome=_describe_outcome(run),
        cost=_describe_cost(run),
        timeline=[_describe_event(event) for event in events[:MOST_EVENTS]],
    )


OUTSIDE = CodeLine(0, "", Markup("outside the script, for example when a fixture closes a session"))


def _read_events(run: Document, problems: Counter[str]) -> list[Event]:
    """Return the events of a variant, or none if a value has another type than expected."""
    try:
        events = from_json(run.get("events") or [], run.get("log", []))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        events = [Event("task", -1)]
    if all(map(_is_valid, events)):
        return events
    problems[f"the events of {run['name']} have another form than expected"] += 1
    return []


def _is_valid(event: Event) -> bool:
    pairs = [(getattr(event, name), getattr(EMPTY, name)) for name in KEYS]
    holders = all(type(number) is int for number in event.holders)
    types = all(type(value) is type(default) for value, default in pairs)
    return types and holders and event.kind in get_args(Kind) and event.start >= 0


def _describe_event(event: Event) -> str:
    """Return an event as text, for example "1.2 ms: task 1, connection 1: statement SELECT 1"."""
    where = f"task {event.task}" if event.task else "no task"
    where += f", connection {event.connection}" if event.connection else ""
    parts = event.kind, _shorten(event.text), event.error and f"({event.error})"
    end = f", for {event.duration / 1000:.1f} ms" if event.duration else ""
    return f"{event.start / 1000:.1f} ms: {where}: {' '.join(filter(None, parts))}{end}"


def _group_by_line(events: Sequence[Event]) -> Iterator[tuple[int, list[Sent]]]:
    """Yield the numbers of the lines with what they sent; equal statements are counted."""
    by_line = defaultdict[int, list[Event]](list)
    for event in events:
        if event.kind in SENT or (event.error and event.kind != "task"):
            by_line[event.line].append(event)
    for number, group in by_line.items():
        texts = defaultdict[tuple[str, str], list[Event]](list)
        for event in group:
            begin = "BEGIN; " if event.begins else ""
            text = f"{begin}{_shorten(event.text)}" if event.kind in SENT else event.kind
            texts[text, event.error].append(event)
        sent = [
            Sent(_times(text, len(same)), _join(_trips(sum(e.round_trips for e in same)), error))
            for (text, error), same in texts.items()
        ]
        yield number, _limit(sent)


def _count_log(run: Document) -> Iterator[Sent]:
    """Yield the statements of a variant whose lines are unknown; equal ones are counted."""
    log = run.get("log", ())
    states = [*run.get("sqlstates", ()), *[""] * len(log)]
    counts = Counter((_shorten(text), state) for text, state in zip(log, states, strict=False))
    yield from _limit([Sent(_times(text, count), state) for (text, state), count in counts.items()])


def _limit(sent: list[Sent]) -> list[Sent]:
    more = len(sent) - MOST_SENT
    return sent if more <= 0 else [*sent[:MOST_SENT], Sent(f"and {more} other statements", "")]


def _shorten(text: Any) -> str:
    return abridge(str(text)[:LONGEST_SQL])


def _times(text: str, count: int) -> str:
    return f"{count} x {text}" if count > 1 else text


def _trips(count: int) -> str:
    return pluralize(count, "round trip") if count else ""


def _join(*parts: str) -> str:
    return ", ".join(filter(None, parts))


def _describe_outcome(run: Document) -> str:
    if not run:
        return ""
    if run["error"]:
        return f"raised {run['error']}"
    return f"returned {run['value']}"


def _describe_cost(run: Document) -> str:
    """Return the statements, the round trips and the troubles of a variant."""
    if not run:
        return ""
    statements = sum(text not in ("BEGIN", "COMMIT", "ROLLBACK") for text in run["log"])
    round_trips = "" if run["round_trips"] is None else pluralize(run["round_trips"], "round trip")
    troubles = run["warnings"] + run["unhandled"]
    return _join(pluralize(statements, "statement"), round_trips, *dict.fromkeys(troubles))
