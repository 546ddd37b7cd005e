"""Renders results for the options `--code`, `--timeline` and `--trace`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from orm_async_tests.errors import write_file
from orm_async_tests.harness.report.code_view import render_code
from orm_async_tests.harness.report.phrasing import truncate
from orm_async_tests.harness.report.render import (
    KINDS,
    LONGEST_VALUE,
    describe_outcome,
    wrapped,
)
from orm_async_tests.harness.report.result import Result
from orm_async_tests.terminal import Styled
from orm_async_tests.timeline.terminal_timeline import render_legend, render_timeline
from orm_async_tests.timeline.trace_file import build_trace


def render_views(
    result: Result, columns: int, *, code: bool = False, timeline: bool = False
) -> Iterator[Styled]:
    """Render the code of the results, their timelines, or both."""
    if code:
        yield from render_code(result, columns)
    if code and timeline:
        yield "", ""
    if timeline:
        yield from render_timelines(result, columns)


def render_timelines(result: Result, columns: int) -> Iterator[Styled]:
    """Render the claim, a legend of the characters, and the timeline of every variant."""
    yield from wrapped("bold", result.script.claim, columns)
    yield "", ""
    runs = [observation.events for observation in result.observations.values()]
    yield from render_legend(runs, columns)
    labels = {variant.name: variant.label for variant in result.script.variants}
    for name, observation in result.observations.items():
        yield "", ""
        head = f"  {observation.kind:7}  {name}: {labels[name]}"
        yield from wrapped(KINDS[observation.kind], head, columns, 11)
        outcome = truncate(describe_outcome(observation), LONGEST_VALUE)
        yield from render_timeline(observation.events, outcome, columns)


def write_trace(path: Path, results: Sequence[Result]) -> None:
    """Write the events of all variants to a trace file. Raise CouldNotRun if the file cannot be
    written.
    """
    runs = [
        (f"{result.script.command} {observation.kind} {name}", observation.events)
        for result in results
        for name, observation in result.observations.items()
    ]
    write_file(path, build_trace(runs), "--trace")
