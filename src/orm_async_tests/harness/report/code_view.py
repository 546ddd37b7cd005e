"""Shows the code of each variant. Below a line of code, shows what the line sent, waited for and
raised.
"""

import ast
import linecache
import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from orm_async_tests.harness.definitions.variants import Observation
from orm_async_tests.harness.report.line_notes import annotate_line
from orm_async_tests.harness.report.phrasing import pluralize
from orm_async_tests.harness.report.render import KINDS, render_outcome, render_verdict, wrapped
from orm_async_tests.harness.report.result import Result
from orm_async_tests.harness.script import Script
from orm_async_tests.terminal import Styled
from orm_async_tests.timeline.event_list import SENT, Event

NUMBER, MARGIN = 5, 8  # columns of a line's number, and before its SQL
LEGEND = "> sent   ~ waited   ! error   - in no right variant   + in no wrong variant"
OPPOSITE = {"wrong": "right", "right": "wrong"}
HEAD = re.compile(r"^(@(wrong|right|variant)\b|async def \w+)")
STYLES = {">": "cyan", "~": "magenta", "!": "bold red"}  # of notes

Function = ast.FunctionDef | ast.AsyncFunctionDef


def render_code(result: Result, columns: int) -> Iterator[Styled]:
    """Render a script's claim, the code of every variant, the verdict and links."""
    yield from wrapped("bold", result.script.claim, columns)
    yield "dim", f"  {LEGEND}"
    source = ScriptSource(result.script)
    shown = {
        name: source.find_functions(name, observation.events)
        for name, observation in result.observations.items()
    }
    constants = list(source.find_constants([node for nodes in shown.values() for node in nodes]))
    if constants:
        yield "", ""
    for node in constants:
        yield from _render_lines(source, range(node.lineno, (node.end_lineno or 0) + 1), columns)
    for name, observation in result.observations.items():
        [label] = [one.label for one in result.script.variants if one.name == name]
        yield "", ""
        head = f"  {observation.kind:7}  {name}: {label}"
        yield from wrapped(KINDS[observation.kind], head, columns, 11)
        opposite = OPPOSITE.get(observation.kind)
        known = {
            line
            for other, nodes in shown.items()
            if result.observations[other].kind == opposite
            for line in source.text_of(nodes)
        }
        yield from _render_variant(source, shown[name], observation, known, columns)
        yield from render_outcome(observation, columns)
    yield "", ""
    yield from render_verdict(result, columns)
    yield from _render_links(result.script, columns)


class ScriptSource:
    """The lines and the functions of a script's file."""

    def __init__(self, script: Script) -> None:
        self.lines = ["", *linecache.getlines(script.file)]
        self.tree = ast.parse("".join(self.lines[1:]))
        methods = (
            item
            for node in self.tree.body
            for item in (node.body if isinstance(node, ast.ClassDef) else [node])
        )
        self.functions = [node for node in methods if isinstance(node, Function)]

    def find_functions(self, variant: str, events: Sequence[Event]) -> list[Function]:
        """Return the function of a variant, followed by the script's functions that it uses."""
        lines = {event.line for event in events if event.kind != "task"}
        variants = [node for node in self.functions if node.name == variant]
        helpers = [node for node in self.functions if not _has_mark(node)]
        used = [node for node in helpers if lines.intersection(self.numbers_of(node))]
        while more := [
            node
            for node in helpers
            if node not in used and any(node.name in _names_in(other) for other in variants + used)
        ]:
            used += more
        return variants + [node for node in helpers if node in used]

    def find_constants(self, functions: Sequence[Function]) -> Iterator[ast.Assign]:
        """Yield the assignments at module level that these functions use."""
        used = {name for node in functions for name in _names_in(node)}
        for node in self.tree.body:
            names = _names_in(node.targets[0]) if isinstance(node, ast.Assign) else set()
            if isinstance(node, ast.Assign) and names & used and all(map(str.isupper, names)):
                yield node

    def numbers_of(self, node: Function) -> range:
        """Return a function's line numbers, including its decorators."""
        first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
        return range(first, (node.end_lineno or first) + 1)

    def text_of(self, nodes: Sequence[Function]) -> set[str]:
        """Return the functions' lines, simplified so that two variants can be compared."""
        numbers = (number for node in nodes for number in self.numbers_of(node))
        return {self.comparable(number) for number in numbers}

    def comparable(self, number: int) -> str:
        """Return a line without its indentation, and without the variant's name and kind."""
        return HEAD.sub("", self.lines[number].strip())


def _names_in(tree: ast.AST) -> set[str]:
    """Return the names and attributes that this code uses."""
    nodes = list(ast.walk(tree))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return attributes | {node.id for node in nodes if isinstance(node, ast.Name)}


def _has_mark(node: Function) -> bool:
    """Return whether a function is a variant, or the script's `check`."""
    marks = {"wrong", "right", "variant"}
    return node.name == "check" or any(_names_in(item) & marks for item in node.decorator_list)


def _render_variant(
    source: ScriptSource,
    nodes: Sequence[Function],
    observation: Observation,
    known: set[str],
    columns: int,
) -> Iterator[Styled]:
    """Render the functions of a variant, and mark the lines that are not in `known`.

    `known` has the lines of the variants to compare with: the right variants for a wrong variant,
    and the wrong variants otherwise. The mark is "-" in a wrong variant, and "+" in any other
    variant.
    """
    mark = "-" if observation.kind == "wrong" else "+"
    printed = {0}
    for node in nodes:
        docstring = node.body[0] if ast.get_docstring(node) else None
        skipped = range(docstring.lineno, (docstring.end_lineno or 0) + 1) if docstring else ()
        for number in source.numbers_of(node):
            printed.add(number)
            if number in skipped and nodes.index(node) == 0:
                continue
            differs = bool(known) and source.comparable(number) not in known
            yield from _render_lines(source, [number], columns, mark if differs else " ")
            yield from _render_events(source, number, observation, columns)
    rest = {event.line for event in observation.events if event.kind != "task"} - printed
    for number in sorted(rest):
        yield from _render_lines(source, [number], columns)
        yield from _render_events(source, number, observation, columns)
    if 0 in {event.line for event in observation.events if event.kind in SENT}:
        yield "dim", f"{'':{NUMBER + 2}}after the function, when the session closes:"
        yield from _render_events(source, 0, observation, columns)


def _render_lines(
    source: ScriptSource, numbers: Sequence[int], columns: int, mark: str = " "
) -> Iterator[Styled]:
    for number in numbers:
        code = source.lines[number].rstrip()
        indent = len(code) - len(code.lstrip())
        parts = textwrap.wrap(
            code.strip(),
            columns - NUMBER - 3,
            initial_indent=" " * indent,
            subsequent_indent=" " * (indent + 8),
            break_on_hyphens=False,
        )
        for position, part in enumerate(parts):
            head = f"{'' if position else number:>{NUMBER}} {mark}"
            yield "bold" if mark.strip() else "", f"{head} {part}"


def _render_events(
    source: ScriptSource, number: int, observation: Observation, columns: int
) -> Iterator[Styled]:
    """Render what a line of code sent, with the round trips. Below that, render the line's waits
    and errors.
    """
    for mark, text, trips in annotate_line(number, observation.events, source.lines[number]):
        is_counted = trips is not None and observation.counted
        cost = pluralize(trips or 0, "round trip") if is_counted else ""
        yield from _aside(STYLES[mark], mark, text, columns, cost)


def _aside(style: str, mark: str, text: str, columns: int, cost: str = "") -> Iterator[Styled]:
    """Render a text below a line of code, with a cost at the right margin."""
    width = columns - MARGIN - 2
    lines = textwrap.wrap(text, width - (len(cost) + 2 if cost else 0), break_on_hyphens=False)
    for position, line in enumerate(lines):
        head = f"{'':{MARGIN}}{' ' if position else mark} "
        end = cost if position == 0 else ""
        yield style, f"{head}{line:{width - len(end)}}{end}".rstrip()


def _render_links(script: Script, columns: int) -> Iterator[Styled]:
    """Render what to write, and where to read more."""
    yield "", ""
    if all(variant.kind != "right" for variant in script.variants):
        yield from _render_advice(script, columns)
    file, here = Path(script.file), Path.cwd()
    shown = file.relative_to(here) if file.is_relative_to(here) else file
    documents = re.findall(r"^Docs: (\S+)", script.check.__globals__["__doc__"], re.MULTILINE)
    links = [("explain", f"orm-async-tests explain {script.number}"), ("file", str(shown))]
    for name, link in [*links, *(("docs", link) for link in documents)]:
        yield "", f"  {name:7}  {link}"


def _render_advice(script: Script, columns: int) -> Iterator[Styled]:
    """Render advice for a script without right variants: its explanation and its recommended lines
    of code.

    If the script has no recommended lines, use the lines of the scripts that the explanation names.
    """
    from orm_async_tests.questions import read_cures

    prose = script.check.__globals__["__doc__"].partition("\n\n")[2]
    for paragraph in re.split(r"\n\n|\n(?=Symptom: |Docs: )", prose):
        if not paragraph.startswith(("Symptom: ", "Docs: ")):
            text = " ".join(paragraph.split())
            yield from wrapped("", f"  advice   {text}", columns, MARGIN + 3)
    cures = read_cures()
    named = map(int, re.findall(r"\btest(\d+)\b", prose))
    for number in [script.number] if script.number in cures else named:
        for position, line in enumerate(cures.get(number, [])):
            source = "" if position or number == script.number else f"  # test{number}"
            yield "bold", f"  {'' if position else 'write':7}  {line}{source}"
