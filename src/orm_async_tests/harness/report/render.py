"""A result for people: what each variant sent and what came of it, in colour where there is any."""

import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from orm_async_tests.harness.definitions.observation import Observation
from orm_async_tests.harness.report.evidence import Evidence
from orm_async_tests.harness.report.judge import BROKEN, HOLDS, SKIPPED, UPSTREAM
from orm_async_tests.harness.report.phrasing import clipped, counted, describe, phrase
from orm_async_tests.harness.report.result import Result
from orm_async_tests.harness.report.transcript import Line, transcript

Styled = tuple[str, str]  # a style of rich, and the text
STYLES = {HOLDS: "bold green", BROKEN: "bold red", UPSTREAM: "bold yellow", SKIPPED: "bold yellow"}
KINDS = {"wrong": "red", "right": "green", "variant": "cyan"}
WIDTH, NARROWEST = 100, 60  # columns: without a terminal, and the least
MARGIN = 11  # columns before what a variant sent and returned
VALUE = 300  # characters of a returned value


def show(lines: Iterable[Styled]) -> None:
    """Print lines, with their styles if this is a terminal (NO_COLOR is respected)."""
    if not sys.stdout.isatty():
        for _, text in lines:
            print(text)
        return
    from rich.console import Console

    console = Console(highlight=False)
    for style, text in lines:
        console.print(text, style=style, markup=False, soft_wrap=True)


def width() -> int:
    """The terminal's columns; WIDTH if the output goes elsewhere."""
    if not sys.stdout.isatty():
        return WIDTH
    return max(shutil.get_terminal_size((WIDTH, 0)).columns, NARROWEST)


def whole(result: Result, columns: int = WIDTH, in_full: bool = False) -> Iterator[Styled]:
    """Everything about one script; in_full: each statement as it was sent, each value whole."""
    yield from _wrapped("bold", result.script.claim, columns)
    wrong = [seen for seen in result.seen.values() if seen.kind == "wrong"]
    labels = {variant.name: variant.label for variant in result.script.variants}
    for name, seen in result.seen.items():
        yield "", ""
        head = f"  {seen.kind:7}  {name}: {labels[name]}"
        yield from _wrapped(KINDS[seen.kind], head, columns, MARGIN)
        for line in transcript(seen, wrong if seen.kind == "right" else (), in_full):
            yield from _sent(line, columns)
        value = phrase(seen.value)
        came = f"raised {describe(seen.error)}" if seen.error else f"returned {value}"
        came = came if in_full else clipped(came, VALUE)
        yield from _wrapped("bold", " " * MARGIN + came, columns, MARGIN)
        yield from _wrapped("", " " * MARGIN + cost(seen), columns, MARGIN)
    yield "", ""
    yield from verdict(result, columns)


def brief(result: Result) -> Iterator[Styled]:
    """One line about one script."""
    word, reason = result.verdict.word, result.verdict.reason
    why = f"  ({reason})" if word in (SKIPPED, UPSTREAM) else ""
    yield STYLES[word], f"{word:8}  {result.script.command:>7}  {result.script.claim}{why}"


def summary(results: Sequence[Result]) -> Iterator[Styled]:
    """How many scripts got which verdict, and in how many seconds."""
    words = Counter(result.verdict.word for result in results)
    counts = ", ".join(f"{number} {word}" for word, number in words.items())
    worst = next(word for word in (BROKEN, UPSTREAM, SKIPPED, HOLDS) if word in words)
    yield STYLES[worst], f"{counts} in {sum(result.seconds for result in results):.1f} s"


def grid(rows: Sequence[Sequence[str]]) -> Iterator[Styled]:
    """Rows of words as columns; the first row is the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        words = (word.ljust(width) for word, width in zip(row, widths, strict=True))
        yield "dim" if number else "bold", "  ".join(words).rstrip()


def verdict(result: Result, columns: int) -> Iterator[Styled]:
    """The verdict, and the assertions that it rests on with the values of both sides."""
    word, known = result.verdict.word, result.verdict.defects
    reasons = [(each.sentence, each.link) for each in known] or [(result.verdict.reason, "")]
    for number, (reason, link) in enumerate(reasons):
        head = "" if number else word
        yield from _wrapped(STYLES[word], f"  {head} {reason}".rstrip(), columns, 4)
        if link:
            yield "", f"    {link}"
    for each in result.verdict.evidence:
        yield from _proof(each, columns)


def cost(seen: Observation) -> str:
    """What a variant cost, and what it left behind, on one line."""
    parts = [counted(len(seen.sql), "statement")]
    if seen.counted:
        parts.append(counted(seen.round_trips, "round trip"))
    parts.append(f"{seen.seconds * 1e3:.1f} ms")
    if seen.peak_bytes:
        parts.append(
            f"first after {seen.seconds_to_first * 1e3:.1f} ms,"
            f" peak {seen.peak_bytes / 2**20:.1f} MiB"
        )
    if seen.leaked:
        parts.append(f"{counted(seen.leaked, 'connection')} not given back")
    return ", ".join([*parts, *(f"warned {name}" for name in dict.fromkeys(seen.warnings))])


def _sent(line: Line, columns: int) -> Iterator[Styled]:
    """Yield a transcript line with "+" if only this variant sent it, "^" under differences."""
    new = "+" if line.new else " "
    times = f"{line.times} x " if line.times > 1 else ""
    lane = f"{line.lane}: " if line.lane else ""
    head = f"{' ' * (MARGIN - 2)}{new} {'  ' * line.depth}{lane}{times}"
    start = 0
    for text in textwrap.wrap(line.text, columns - len(head), break_on_hyphens=False):
        yield "bold" if line.new else "dim", head + text
        head = " " * len(head)
        under = (any(at in mark for mark in line.marks) for at in range(start, start + len(text)))
        carets = "".join("^" if marked else " " for marked in under).rstrip()
        if carets:
            yield "green", head + carets
        start += len(text) + 1  # the space at which the line was broken


def _proof(evidence: Evidence, columns: int) -> Iterator[Styled]:
    """An assertion and its values, side by side if there is room."""
    mark, style = ("=", "") if evidence.holds else ("x", "red")
    head = f"  {mark} {evidence.assertion}"
    values = "" if evidence.values == evidence.assertion else evidence.values
    middle = columns * 3 // 5
    if len(head) < middle and len(values) <= columns - middle:
        yield style, f"{head:{middle}}{values}".rstrip()
        return
    yield from _wrapped(style, head, columns, 4)
    yield from _wrapped(style, f"      {values}", columns, 6)


def _wrapped(style: str, text: str, columns: int, indent: int = 0) -> Iterator[Styled]:
    """The text in lines of at most `columns` columns, the later ones indented."""
    for line in textwrap.wrap(text, columns, subsequent_indent=" " * indent):
        yield style, line
