"""Renders results for the options `--code`, `--timeline` and `--trace`.

The option `--code` shows the code with notes. A note says what a line sent, waited for or raised.
"""

import ast
import linecache
import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from orm_async_tests.catalogue import split_prose
from orm_async_tests.harness.definitions.variants import Observation
from orm_async_tests.harness.report import render
from orm_async_tests.harness.report.line_notes import annotate_line
from orm_async_tests.harness.report.phrasing import pluralize, truncate
from orm_async_tests.harness.report.result import Result
from orm_async_tests.harness.script import Script
from orm_async_tests.output_files import write_file
from orm_async_tests.script_code import (
    MEANINGS,
    Function,
    find_variants,
    list_lines,
    mark_differences,
)
from orm_async_tests.terminal import Styled
from orm_async_tests.timeline.event_list import SENT, Event
from orm_async_tests.timeline.terminal_timeline import render_legend, render_timeline
from orm_async_tests.timeline.trace_file import build_trace

NUMBER, MARGIN = 5, 8  # columns for a line's number, and before a line's SQL
LEGEND = "> sent   ~ waited   ! error"
STYLES = {">": "cyan", "~": "magenta", "!": "bold red"}  # by the mark of a note


def render_views(result: Result, columns: int, *, code: bool, timeline: bool) -> Iterator[Styled]:
    if code:
        yield from render_code(result, columns)
    if code and timeline:
        yield "", ""
    if timeline:
        yield from render_timelines(result, columns)


def render_timelines(result: Result, columns: int) -> Iterator[Styled]:
    yield from render.wrap_styled("bold", result.script.claim, columns)
    yield "", ""
    runs = [observation.events for observation in result.observations.values()]
    yield from render_legend(runs, columns)
    for name, observation in result.observations.items():
        yield from render.render_heading(result, name, columns)
        outcome = truncate(render.describe_outcome(observation), render.LONGEST_VALUE)
        yield from render_timeline(observation.events, outcome, columns)


def write_trace(path: Path, results: Sequence[Result]) -> None:
    runs = [
        (f"{result.script.command} {observation.kind} {name}", observation.events)
        for result in results
        for name, observation in result.observations.items()
    ]
    write_file(path, build_trace(runs), "--trace")


def render_code(result: Result, columns: int) -> Iterator[Styled]:
    yield from render.wrap_styled("bold", result.script.claim, columns)
    source = ScriptSource(result.script)
    meanings = (
        f"{mark} {meaning}" for mark, meaning in MEANINGS.items() if mark in source.marks.values()
    )
    yield "dim", f"  {LEGEND}"
    yield from render.wrap_styled("dim", f"  {'   '.join(meanings)}", columns, 2)
    shown = {
        name: source.find_functions(name, observation.events)
        for name, observation in result.observations.items()
    }
    constants = source.find_constants([node for nodes in shown.values() for node in nodes])
    if constants:
        yield "", ""
    for number in constants:
        yield from _render_code_line(source, number, columns)
    for name, observation in result.observations.items():
        yield from render.render_heading(result, name, columns)
        yield from _render_variant(source, shown[name], observation, columns)
        yield from render.render_outcome(observation, columns)
    yield "", ""
    yield from render.render_verdict(result, columns)
    yield from _render_links(result.script, columns)


class ScriptSource:
    def __init__(self, script: Script) -> None:
        self.lines = ["", *linecache.getlines(script.file)]
        self.tree = ast.parse("".join(self.lines[1:]))
        methods = (
            item
            for node in self.tree.body
            for item in (node.body if isinstance(node, ast.ClassDef) else [node])
        )
        self.variants = {variant.node.name: variant for variant in find_variants(self.tree)}
        nodes = [variant.node for variant in self.variants.values()]
        functions = [node for node in methods if isinstance(node, Function) and node not in nodes]
        self.helpers = [node for node in functions if node.name != "check"]
        self.marks = mark_differences(self.tree, self.lines)

    def find_functions(self, variant: str, events: Sequence[Event]) -> list[Function]:
        lines = {event.line for event in events if event.kind != "task"}
        variants = [self.variants[variant].node] if variant in self.variants else []
        used = [node for node in self.helpers if lines.intersection(list_lines(node))]
        while more := [
            node
            for node in self.helpers
            if node not in used and any(node.name in _names_in(other) for other in variants + used)
        ]:
            used += more
        return variants + [node for node in self.helpers if node in used]

    def find_constants(self, functions: Sequence[Function]) -> list[int]:
        used = {name for node in functions for name in _names_in(node)}
        numbers = list[int]()
        for node in self.tree.body:
            names = _names_in(node.targets[0]) if isinstance(node, ast.Assign) else set()
            if names & used and all(map(str.isupper, names)):
                numbers += range(node.lineno, (node.end_lineno or 0) + 1)
        return numbers

    def list_shown_lines(self, functions: Sequence[Function]) -> Iterator[int]:
        """Yield the line numbers of functions, but skip the docstrings of variants."""
        for node in functions:
            variant = self.variants.get(node.name)
            # The headings show the docstrings of variants.
            yield from variant.line_numbers if variant else list_lines(node)


def _names_in(tree: ast.AST) -> set[str]:
    nodes = list(ast.walk(tree))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return attributes | {node.id for node in nodes if isinstance(node, ast.Name)}


def _render_variant(
    source: ScriptSource, nodes: Sequence[Function], observation: Observation, columns: int
) -> Iterator[Styled]:
    numbers = list(source.list_shown_lines(nodes))
    rest = {event.line for event in observation.events if event.kind != "task"} - {0, *numbers}
    for number in [*numbers, *sorted(rest)]:
        yield from _render_code_line(source, number, columns)
        yield from _render_events(source, number, observation, columns)
    if 0 in {event.line for event in observation.events if event.kind in SENT}:
        yield "dim", f"{'':{NUMBER + 2}}after the function, when the session closes:"
        yield from _render_events(source, 0, observation, columns)


def _render_code_line(source: ScriptSource, number: int, columns: int) -> Iterator[Styled]:
    mark = source.marks.get(number, " ")
    code = source.lines[number].rstrip()
    indent = " " * (len(code) - len(code.lstrip()))
    following = f"{indent}{'':8}"
    parts = textwrap.wrap(
        code.strip(),
        columns - NUMBER - 3,
        initial_indent=indent,
        subsequent_indent=following,
        break_on_hyphens=False,
    )
    for position, part in enumerate(parts):
        head = f"{'' if position else number:>{NUMBER}} {mark}"
        yield "bold" if mark.strip() else "", f"{head} {part}"


def _render_events(
    source: ScriptSource, number: int, observation: Observation, columns: int
) -> Iterator[Styled]:
    width = columns - MARGIN - 2
    for mark, text, trips in annotate_line(number, observation.events, source.lines[number]):
        is_counted = trips is not None and observation.counted
        cost = pluralize(trips or 0, "round trip") if is_counted else ""
        lines = textwrap.wrap(text, width - (len(cost) + 2 if cost else 0), break_on_hyphens=False)
        for position, line in enumerate(lines):
            head, end = ("", "") if position else (mark, cost)
            yield STYLES[mark], f"{'':{MARGIN}}{head:2}{line:{width - len(end)}}{end}".rstrip()


def _render_links(script: Script, columns: int) -> Iterator[Styled]:
    yield "", ""
    why, links = split_prose(script.prose)
    if all(variant.kind != "right" for variant in script.variants):
        yield from _render_advice(script.number, why, columns)
    file, here = Path(script.file), Path.cwd()
    shown = file.relative_to(here) if file.is_relative_to(here) else file
    yield "", f"  explain  orm-async-tests explain {script.number}"
    yield "", f"  file     {shown}"
    for link in links:
        yield "", f"  docs     {link}"


def _render_advice(script: int, why: str, columns: int) -> Iterator[Styled]:
    """Render the explanation of a script with this number, and the code to write instead."""
    from orm_async_tests.questions import read_cure_lines

    for paragraph in why.split("\n\n"):
        text = " ".join(paragraph.split())
        yield from render.wrap_styled("", f"  advice   {text}", columns, MARGIN + 3)
    cure_lines = read_cure_lines()
    # A script without such lines shows those of the scripts that its explanation names.
    named = map(int, re.findall(r"\btest(\d+)\b", why))
    for number in [script] if script in cure_lines else named:
        for position, line in enumerate(cure_lines.get(number, [])):
            source = "" if position or number == script else f"  # test{number}"
            yield "bold", f"  {'' if position else 'write':7}  {line}{source}"
