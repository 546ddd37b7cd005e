"""Renders results as text, with the SQL of every variant."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from orm_async_tests.harness.definitions.variants import Observation
from orm_async_tests.harness.report.judge import Evidence
from orm_async_tests.harness.report.phrasing import describe, format_result, pluralize, truncate
from orm_async_tests.harness.report.result import Result
from orm_async_tests.harness.report.transcript import TranscriptLine, build_transcript
from orm_async_tests.harness.wire.sql_log import TRANSACTION
from orm_async_tests.terminal import WIDTH, Styled
from orm_async_tests.verdicts import BROKEN, HOLDS, SKIPPED, UPSTREAM

STYLES = {HOLDS: "bold green", BROKEN: "bold red", UPSTREAM: "bold yellow", SKIPPED: "bold yellow"}
KINDS = {"wrong": "red", "right": "green", "variant": "cyan"}
MARGIN = 11  # columns before the SQL and the result of a variant
LONGEST_VALUE = 300  # characters of a returned value


def render_full(result: Result, columns: int = WIDTH, in_full: bool = False) -> Iterator[Styled]:
    yield from wrap_styled("bold", result.script.claim, columns)
    wrong = [other for other in result.observations.values() if other.kind == "wrong"]
    for name, observation in result.observations.items():
        yield from render_heading(result, name, columns)
        compared = wrong if observation.kind == "right" else ()
        for line in build_transcript(observation, compared, in_full):
            yield from _render_statement(line, columns)
        yield from render_outcome(observation, columns, in_full)
    yield "", ""
    yield from render_verdict(result, columns)


def render_heading(result: Result, name: str, columns: int) -> Iterator[Styled]:
    [variant] = [variant for variant in result.script.variants if variant.name == name]
    yield "", ""
    head = f"  {variant.kind:7}  {name}: {variant.label}"
    yield from wrap_styled(KINDS[variant.kind], head, columns, MARGIN)


def render_outcome(
    observation: Observation, columns: int, in_full: bool = False
) -> Iterator[Styled]:
    outcome = describe_outcome(observation)
    if not in_full:
        outcome = truncate(outcome, LONGEST_VALUE)
    yield from wrap_styled("bold", " " * MARGIN + outcome, columns, MARGIN)
    yield from wrap_styled("", " " * MARGIN + describe_cost(observation), columns, MARGIN)


def describe_outcome(observation: Observation) -> str:
    if observation.error:
        return f"raised {describe(observation.error)}"
    return f"returned {format_result(observation.value)}"


def render_result_line(result: Result) -> Iterator[Styled]:
    word, reason = result.verdict.word, result.verdict.reason
    explanation = f"  ({reason})" if word in (SKIPPED, UPSTREAM) else ""
    yield STYLES[word], f"{word:8}  {result.script.command:>7}  {result.script.claim}{explanation}"


def render_totals(results: Sequence[Result]) -> Iterator[Styled]:
    words = Counter(result.verdict.word for result in results)
    counts = ", ".join(f"{number} {word}" for word, number in words.items())
    worst = next(word for word in (BROKEN, UPSTREAM, SKIPPED, HOLDS) if word in words)
    yield STYLES[worst], f"{counts} in {sum(result.seconds for result in results):.1f} s"


def render_verdict(result: Result, columns: int) -> Iterator[Styled]:
    word, defects = result.verdict.word, result.verdict.defects
    reasons = [(defect.sentence, defect.link) for defect in defects]
    for number, (reason, link) in enumerate(reasons or [(result.verdict.reason, "")]):
        head = "" if number else word
        yield from wrap_styled(STYLES[word], f"  {head} {reason}".rstrip(), columns, 4)
        if link:
            yield "", f"    {link}"
    for evidence in result.verdict.evidence:
        yield from _render_evidence(evidence, columns)


def describe_cost(observation: Observation) -> str:
    parts = [pluralize(len(observation.sql), "statement")]
    sent = [line for line in observation.log if line not in TRANSACTION]
    if len(sent) > len(observation.sql):
        parts.append(f"{len(sent) - len(observation.sql)} unanswered")
    if observation.counted:
        parts.append(pluralize(observation.round_trips, "round trip"))
    parts.append(f"{observation.seconds * 1e3:.1f} ms")
    if observation.peak_bytes:
        parts.append(f"first after {observation.seconds_to_first * 1e3:.1f} ms")
        parts.append(f"peak {observation.peak_bytes / 2**20:.1f} MiB")
    if observation.leaked:
        parts.append(f"{pluralize(observation.leaked, 'connection')} leaked")
    return ", ".join([*parts, *(f"warned {name}" for name in dict.fromkeys(observation.warnings))])


def _render_statement(line: TranscriptLine, columns: int) -> Iterator[Styled]:
    """Render one SQL statement.

    Put "+" before a statement that is in no wrong variant. Put "^" below words that differ from a
    wrong variant.
    """
    new = "+" if line.new else " "
    times = f"{line.times} x " if line.times > 1 else ""
    transaction = f"{line.transaction}: " if line.transaction else ""
    head = f"{' ' * (MARGIN - 2)}{new} {'  ' * line.depth}{transaction}{times}"
    start = 0
    for text in textwrap.wrap(line.text, columns - len(head), break_on_hyphens=False):
        yield "bold" if line.new else "dim", head + text
        head = " " * len(head)
        under = (any(at in mark for mark in line.marks) for at in range(start, start + len(text)))
        carets = "".join("^" if marked else " " for marked in under).rstrip()
        if carets:
            yield "green", head + carets
        start += len(text) + 1  # 1: the space where the line was broken


def _render_evidence(evidence: Evidence, columns: int) -> Iterator[Styled]:
    mark, style = ("=", "") if evidence.holds else ("x", "red")
    head = f"  {mark} {evidence.assertion}"
    values = "" if evidence.values == evidence.assertion else evidence.values
    middle = columns * 3 // 5
    if len(head) < middle and len(values) <= columns - middle:
        yield style, f"{head:{middle}}{values}".rstrip()
        return
    yield from wrap_styled(style, head, columns, 4)
    yield from wrap_styled(style, f"      {values}", columns, 6)


def wrap_styled(style: str, text: str, columns: int, indent: int = 0) -> Iterator[Styled]:
    for line in textwrap.wrap(text, columns, subsequent_indent=" " * indent):
        yield style, line
