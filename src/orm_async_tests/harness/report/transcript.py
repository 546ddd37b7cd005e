"""Shortens the SQL of a variant, and marks statements that no wrong variant sends.

A repeated statement appears once, with its count.
"""

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from string import ascii_lowercase

from orm_async_tests.harness.definitions.variants import Observation
from orm_async_tests.harness.report.abridged_sql import abridge
from orm_async_tests.harness.report.phrasing import pluralize
from orm_async_tests.harness.wire.sql_log import ENDS

MAX_LINES = 10  # if a variant has more lines, its statements are only counted
MAX_TRANSACTIONS = 3  # the maximum number of transactions that a line names
SIMILARITY = 0.6  # two statements that are more similar are compared word by word
TOKEN = re.compile(r"\s+|[^\s(),;]+|.")


@dataclass(frozen=True)
class TranscriptLine:
    text: str
    transaction: str = ""  # a letter, if several transactions were open at once
    times: int = 1  # how often the statement was sent in a row
    is_heading: bool = False  # whether the line counts repetitions of the lines below
    depth: int = 0
    new: bool = False  # whether no wrong variant sent the statement
    marks: tuple[range, ...] = ()  # parts that the wrong variant's text lacks


def build_transcript(
    observation: Observation, wrong: Sequence[Observation] = (), in_full: bool = False
) -> Iterator[TranscriptLine]:
    known = {_comparable(line.text) for other in wrong for line in _join(other, in_full)}
    lines = _join(observation, in_full)
    for line in lines if in_full else _shorten(lines):
        text = _comparable(line.text)
        new = bool(known and text) and not line.is_heading and text not in known
        yield replace(line, new=new, marks=tuple(_differences(line.text, known)) if new else ())


def _comparable(text: str) -> str:
    # COMMIT stays, because it may be the only difference between two variants.
    return text.removeprefix("BEGIN; ").removesuffix("ROLLBACK").removesuffix("; ")


def _join(observation: Observation, in_full: bool) -> list[TranscriptLine]:
    lines: list[TranscriptLine] = []
    begun: set[int] = set()
    log = zip(observation.log, observation.transaction_ids, observation.sqlstates, strict=True)
    several = max(observation.transaction_ids, default=0) > 0
    for statement, number, sqlstate in log:
        letter = ascii_lowercase[number % len(ascii_lowercase)] if several else ""
        error = f" -> {sqlstate}" if sqlstate else ""
        if statement == "BEGIN":
            begun.add(number)  # drivers send BEGIN together with the first statement
        elif (
            statement in ENDS and number not in begun and lines and lines[-1].transaction == letter
        ):
            lines[-1] = replace(lines[-1], text=f"{lines[-1].text}; {statement}{error}")
        else:
            begin = "BEGIN; " if number in begun else ""
            begun.discard(number)
            text = statement if in_full else abridge(statement)
            lines.append(TranscriptLine(f"{begin}{text}{error}", letter))
    return lines


def _shorten(lines: list[TranscriptLine]) -> list[TranscriptLine]:
    """Join repeated lines, and keep only the most frequent ones if too many remain.

    Each of these lines stands where its statement was first sent.
    """
    folded = list(_fold(lines))
    transactions = {line.transaction for line in folded if line.transaction}
    if len(transactions) == 1 and ", " not in folded[0].transaction:
        folded = [replace(line, transaction="") for line in folded]  # a single letter says nothing
    if len(folded) <= MAX_LINES:
        return folded
    counts = Counter(line.text for line in lines)
    shown = dict(counts.most_common(MAX_LINES))
    frequent = [TranscriptLine(text, times=counts[text]) for text in counts if text in shown]
    if (more := len(counts) - MAX_LINES) > 0:
        frequent.append(
            TranscriptLine(f"and {pluralize(more, 'other statement')}", is_heading=True)
        )
    return frequent


def _fold(lines: list[TranscriptLine]) -> Iterator[TranscriptLine]:
    """Join repeated lines and repeated groups of lines.

    If repeated lines belong to several transactions, list the transactions, for example "a, b".
    """
    start = 0
    while start < len(lines):
        length, times = _find_cycle([line.text for line in lines[start:]])
        cycle = lines[start : start + length * times]
        if length == 1:
            letters = dict.fromkeys(line.transaction for line in cycle)
            transaction = ", ".join(letters) if len(letters) <= MAX_TRANSACTIONS else ""
            yield replace(cycle[0], transaction=transaction, times=times)
        else:
            yield TranscriptLine(f"{times} times:", is_heading=True)
            for line in _fold(cycle[:length]):
                yield replace(line, depth=line.depth + 1, transaction="")
        start += length * times


def _find_cycle(texts: list[str]) -> tuple[int, int]:
    """Find the group of texts with which a list begins, and which the list then repeats.

    Return the group's length and count, for example (2, 3) for the list a, b, a, b, a, b, c.
    """
    best = (1, 1)
    for length in range(1, len(texts) // 2 + 1):
        times = 1
        while texts[times * length : (times + 1) * length] == texts[:length]:
            times += 1
        # Of several repeated groups, the one that covers the most texts wins.
        if times > 1 and length * times > best[0] * best[1]:
            best = length, times
    return best


def _differences(text: str, known: set[str]) -> Iterator[range]:
    similar = difflib.get_close_matches(_comparable(text), known, n=1, cutoff=SIMILARITY)
    tokens = TOKEN.findall(text)
    for statement in similar:
        matcher = difflib.SequenceMatcher(None, TOKEN.findall(statement), tokens, autojunk=False)
        for kind, _, _, first, last in matcher.get_opcodes():
            start, part = len("".join(tokens[:first])), "".join(tokens[first:last])
            words = part.strip(" ;")
            if kind in ("insert", "replace") and words not in ("", "BEGIN", "ROLLBACK"):
                at = start + part.index(words)
                yield range(at, at + len(words))
