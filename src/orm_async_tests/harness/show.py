"""A result for people: what each way sent and what came of it, in colour where there is any."""

import inspect
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from orm_async_tests.harness.judge import BROKEN, HOLDS, SKIPPED, UPSTREAM, describe
from orm_async_tests.harness.result import Result
from orm_async_tests.harness.ways import Seen, ways

Line = tuple[str, str]  # a style of rich, and the text
STYLES = {HOLDS: "bold green", BROKEN: "bold red", UPSTREAM: "bold yellow", SKIPPED: "bold yellow"}
KINDS = {"wrong": "red", "right": "green", "way": "cyan"}
WIDTH = 100  # columns of a statement
SHOWN = 8  # statements of a way


def show(lines: Iterable[Line]) -> None:
    """Print lines, with their styles if this is a terminal (NO_COLOR is respected)."""
    if not sys.stdout.isatty():
        for _, text in lines:
            print(text)
        return
    from rich.console import Console

    console = Console(highlight=False)
    for style, text in lines:
        console.print(text, style=style, markup=False, soft_wrap=True)


def whole(result: Result) -> Iterator[Line]:
    """Everything about one script."""
    yield "bold", result.claim
    for name, seen in result.seen.items():
        doc = inspect.getdoc(ways(result.script)[name]) or ""
        yield "", ""
        yield KINDS[seen.kind], f"  {seen.kind:5}  {name}: {' '.join(doc.split())}"
        for statement in shortened(seen.sql):
            yield "dim", f"         {statement}"
        yield "", f"         {outcome(seen)}"
    yield "", ""
    yield verdict(result)


def brief(result: Result) -> Iterator[Line]:
    """One line about one script."""
    word, reason = result.verdict.word, result.verdict.reason
    why = f"  ({reason})" if word == SKIPPED else ""
    yield STYLES[word], f"{word:8}  {result.command:>7}  {result.claim}{why}"


def summary(results: Sequence[Result]) -> Iterator[Line]:
    """How many scripts got which verdict, and in how many seconds."""
    words = Counter(result.verdict.word for result in results)
    counts = ", ".join(f"{number} {word}" for word, number in words.items())
    worst = next(word for word in (BROKEN, UPSTREAM, SKIPPED, HOLDS) if word in words)
    yield STYLES[worst], f"{counts} in {sum(result.seconds for result in results):.1f} s"


def grid(rows: Sequence[Sequence[str]]) -> Iterator[Line]:
    """Rows of words as columns; the first row is the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        words = (word.ljust(width) for word, width in zip(row, widths, strict=True))
        yield "dim" if number else "bold", "  ".join(words).rstrip()


def verdict(result: Result) -> Line:
    """The last line about a script."""
    word, reason = result.verdict.word, result.verdict.reason
    return STYLES[word], f"  {word} {reason}".rstrip()


def outcome(seen: Seen) -> str:
    """What came of a way, on one line."""
    parts = [counted(len(seen.sql), "statement")]
    if seen.round_trips is not None:
        parts.append(counted(seen.round_trips, "round trip"))
    parts.append(f"{seen.seconds * 1e3:.1f} ms")
    if seen.peak:
        parts.append(f"first after {seen.first * 1e3:.1f} ms, peak {seen.peak / 2**20:.1f} MiB")
    if seen.leaked:
        parts.append(f"{counted(seen.leaked, 'connection')} not given back")
    parts += [f"warned {name}" for name in dict.fromkeys(seen.warnings)]
    parts.append(
        f"raised {describe(seen.error)}" if seen.error else f"returned {clipped(repr(seen.value))}"
    )
    return ", ".join(parts)


def shortened(statements: list[str]) -> Iterator[str]:
    """The statements, repetitions counted, cut to a screen's width and height."""
    groups: list[list[str]] = []
    for statement in statements:
        if groups and groups[-1][0] == statement:
            groups[-1].append(statement)
        else:
            groups.append([statement])
    for group in groups[:SHOWN]:
        times = f"{len(group)} x " if len(group) > 1 else ""
        yield times + clipped(group[0])
    if groups[SHOWN:]:
        yield f"... and {sum(map(len, groups[SHOWN:]))} more"


def clipped(text: str) -> str:
    """The text, at most WIDTH columns of it."""
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."


def counted(count: int, thing: str) -> str:
    """Such as "1 statement" or "2 statements"."""
    return f"{count} {thing}{'s' * (count != 1)}"
