"""Prepares what the HTML page shows about each script."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple, get_args

from markupsafe import Markup

from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.harness.report.abridged_sql import abridge
from orm_async_tests.harness.report.line_notes import Note, annotate_line
from orm_async_tests.harness.report.phrasing import truncate
from orm_async_tests.html_report.recorded_tables import read_ranges
from orm_async_tests.html_report.result_files import Document, Entry, Results
from orm_async_tests.html_report.variant_code import (
    CodeLine,
    VariantCode,
    highlight_lines,
    read_code,
)
from orm_async_tests.questions import Question, read_cure_lines, read_questions
from orm_async_tests.timeline.event_list import KEYS, Event, Kind, from_json
from orm_async_tests.timeline.svg_timeline import describe_timeline, timeline_svg
from orm_async_tests.versions.defect_catalogue import KnownDefect, load_known_defects

LONGEST_SQL, WIDEST = 20_000, 160  # characters of a statement: before and after it is shortened
LONGEST_TEXT = 600  # characters of a timeline in words
EMPTY = Event("task", 0)
OUTSIDE = CodeLine(
    0, "", Markup("an event outside the script, for example a fixture that closes a session")
)


class ShownLine(NamedTuple):
    """A line of code, with notes about its SQL, waits and errors."""

    line: CodeLine
    notes: Sequence[Note] = ()


class ShownVariant(NamedTuple):
    code: VariantCode
    lines: Sequence[ShownLine]
    elsewhere: Sequence[ShownLine]  # lines of functions that the variant calls
    run: Document  # empty without results
    timeline: Markup
    described: str  # the timeline in words


class Panel(NamedTuple):
    script: ScriptFile
    words: Sequence[str]
    verdicts: Sequence[tuple[Entry, Sequence[str]]]  # one of all equal entries, with their stacks
    variants: Sequence[ShownVariant]
    rest: Sequence[CodeLine]
    cure_lines: Sequence[CodeLine]
    questions: Sequence[Question]
    defects: Sequence[KnownDefect]
    evidence: Sequence[Document] = ()
    stack: str = ""  # the stack that the variants ran on
    holds: str = ""  # the releases of SQLAlchemy on which it was run and holds


def build_panels(results: Results, scripts: Sequence[ScriptFile]) -> list[Panel]:
    known = {script.number for script in scripts}
    if unknown := sorted({number for _, number in results.entries} - known):
        names = ", ".join(f"test{number}" for number in unknown[:10])
        results.problems[f"this release has no script {names}"] += 1
    defects, ranges = load_known_defects(), read_ranges()
    return [
        _build_panel(script, results, defects, ranges.get(script.number, "")) for script in scripts
    ]


def _build_panel(
    script: ScriptFile, results: Results, defects: Sequence[KnownDefect], holds: str
) -> Panel:
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
    verdicts: dict[str, tuple[Entry, list[str]]] = {}  # by their texts
    for stack in results.stacks:
        if entry := results.entries.get((stack, script.number)):
            verdicts.setdefault(repr(entry), (entry, []))[1].append(stack)
    lines = read_cure_lines().get(script.number)
    return Panel(
        script=script,
        words=results.words(script.number),
        verdicts=list(verdicts.values()),
        variants=variants,
        rest=code.rest,
        cure_lines=highlight_lines("\n".join(lines)) if lines else (),
        questions=[item for item in read_questions() if item.script == script.number],
        defects=[defect for defect in defects if script in defect.scripts],
        evidence=detail.get("evidence", ()),
        stack=detail.get("stack", ""),
        holds=holds,
    )


def _show(
    code: VariantCode, run: Document, lines: Mapping[int, CodeLine], results: Results
) -> ShownVariant:
    events = _read_events(run, results.problems)
    try:
        timeline, described = _draw(events, _describe_outcome(run))
        notes = {
            number: list(annotate_line(number, events, lines.get(number, OUTSIDE).text))
            for number in {event.line for event in events if event.kind != "task"}
        }
    except (ArithmeticError, LookupError):
        results.problems["a variant has events that contradict each other"] += 1
        timeline, described, notes = Markup(""), "", {}
    inside = {line.number for line in code.lines}
    outside = sorted(notes.keys() - inside, key=lambda number: (number < 1, number))
    return ShownVariant(
        code=code,
        lines=[ShownLine(line, notes.get(line.number, ())) for line in code.lines],
        elsewhere=[
            ShownLine(lines.get(number, OUTSIDE), notes[number])
            for number in outside
            if notes[number]
        ],
        run=run,
        timeline=timeline,
        described=described,
    )


def _read_events(run: Document, problems: Counter[str]) -> list[Event]:
    try:
        events = from_json(run.get("events") or [], run.get("log", []))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        events = [Event("task", -1)]
    if all(map(_is_valid, events)):
        for event in events:
            event.text = _shorten(event.text)
        return events
    problems[f"the events of {run['name']} have an unexpected form"] += 1
    return []


def _is_valid(event: Event) -> bool:
    pairs = [(getattr(event, name), getattr(EMPTY, name)) for name in KEYS]
    holders = all(type(number) is int for number in event.holders)
    types = all(type(value) is type(default) for value, default in pairs)
    return (
        types and holders and event.kind in get_args(Kind) and min(event.start, event.duration) >= 0
    )


def _describe_outcome(run: Document) -> str:
    return f"raised {run['error']}" if run.get("error") else f"returned {run.get('value')}"


def _draw(events: list[Event], outcome: str) -> tuple[Markup, str]:
    if len(events) < 2:
        return Markup(""), ""
    described = truncate(describe_timeline(events, outcome), LONGEST_TEXT)
    return Markup(timeline_svg(events, outcome)), described


@cache
def _shorten(text: str) -> str:
    return truncate(abridge(text[:LONGEST_SQL]), WIDEST)
