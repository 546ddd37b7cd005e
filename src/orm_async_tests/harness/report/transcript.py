"""The SQL of a variant for people: repetition is counted, and the right variant's own is marked."""

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from string import ascii_lowercase

from orm_async_tests.harness.definitions.observation import Observation
from orm_async_tests.harness.report.abridge import abridge
from orm_async_tests.harness.wire.sql_log import ENDS

LINES = 10  # of one variant; where there are more its statements are only counted
LANES = 3  # that are named on one line
ALIKE = 0.6  # from here on two statements are versions of each other
TOKEN = re.compile(r"\s+|[^\s(),;]+|.")


@dataclass(frozen=True)
class Line:
    """One line of a transcript.

    lane: the letter of the transaction that sent it, where several were open at the same time.
    times: how often it was sent in a row. heads: it says how often the lines below it, of depth 1,
    were sent in turn. new: no wrong variant sent it. marks: what makes the difference in text.
    """

    text: str
    lane: str = ""
    times: int = 1
    heads: bool = False
    depth: int = 0
    new: bool = False
    marks: tuple[range, ...] = ()


def transcript(
    seen: Observation, wrong: Sequence[Observation] = (), in_full: bool = False
) -> Iterator[Line]:
    """The lines of what a variant sent, compared with what the wrong variants sent."""
    known = {_compared(each.text) for other in wrong for each in _sentences(other, in_full)}
    for line in _shortened(_sentences(seen, in_full), in_full):
        new = bool(known) and not line.heads and _compared(line.text) not in known
        yield replace(line, new=new, marks=tuple(_differences(line.text, known)) if new else ())


def _compared(text: str) -> str:
    """The statement without what every transaction has: whether it was committed tells."""
    return text.removeprefix("BEGIN; ").removesuffix("; ROLLBACK")


def _sentences(seen: Observation, in_full: bool) -> list[Line]:
    """The statements, each with the BEGIN before it and the end of its transaction after it."""
    sentences: list[Line] = []
    begun: set[int] = set()
    for entry, lane, refused in zip(seen.log, seen.transaction_ids, seen.sqlstates, strict=True):
        letter = ascii_lowercase[lane % len(ascii_lowercase)] if max(seen.transaction_ids) else ""
        error = f" -> {refused}" if refused else ""
        if entry == "BEGIN":
            begun.add(lane)  # it is sent together with the first statement
        elif entry in ENDS and lane not in begun and sentences and sentences[-1].lane == letter:
            sentences[-1] = replace(sentences[-1], text=f"{sentences[-1].text}; {entry}{error}")
        else:
            begin = "BEGIN; " if lane in begun else ""
            begun.discard(lane)
            text = entry if in_full else abridge(entry)
            sentences.append(Line(f"{begin}{text}{error}", letter))
    return sentences


def _shortened(sentences: list[Line], in_full: bool) -> list[Line]:
    if in_full:
        return sentences
    found = list(_folded(sentences))
    if len({each.lane for each in found if each.lane}) == 1 and ", " not in found[0].lane:
        found = [replace(each, lane="") for each in found]  # no other is told from it
    if len(found) <= LINES:
        return found
    counts = Counter(each.text for each in sentences)
    more = len(counts) - LINES
    rest = [Line(f"and {more} other statements", heads=True)] if more > 0 else []
    return [Line(text, times=times) for text, times in counts.most_common(LINES)] + rest


def _folded(sentences: list[Line]) -> Iterator[Line]:
    """What is repeated stands once: first single statements, then cycles of them."""
    singles: list[Line] = []
    for line in sentences:
        if singles and singles[-1].text == line.text:
            singles[-1] = _again(singles[-1], line)
        else:
            singles.append(line)
    start = 0
    while start < len(singles):
        length, times = _cycle(singles, start)
        if times > 1:
            yield Line(f"{times} times:", heads=True)
        for line in singles[start : start + length]:
            yield replace(line, depth=1, lane="") if times > 1 else line
        start += length * times


def _again(line: Line, other: Line) -> Line:
    """The line sent once more, by another transaction perhaps."""
    lanes = dict.fromkeys([*line.lane.split(", "), other.lane])
    lane = ", ".join(lanes) if len(lanes) <= LANES else ""
    return replace(line, lane=lane, times=line.times + 1)


def _cycle(lines: list[Line], start: int) -> tuple[int, int]:
    """The length of the cycle that begins here and covers most, and how often it is repeated."""
    words = [(line.text, line.times) for line in lines[start:]]
    best = (1, 1)
    for length in range(2, len(words) // 2 + 1):
        times = 1
        while words[times * length : (times + 1) * length] == words[:length]:
            times += 1
        if times > 1 and length * times > best[0] * best[1]:
            best = length, times
    return best


def _differences(text: str, known: set[str]) -> Iterator[range]:
    """The parts of text that its likest known statement lacks; nothing if none is like it."""
    alike = difflib.get_close_matches(_compared(text), known, n=1, cutoff=ALIKE)
    if not alike:
        return
    tokens, others = TOKEN.findall(text), TOKEN.findall(alike[0])
    matcher = difflib.SequenceMatcher(None, others, tokens, autojunk=False)
    for kind, _, _, first, last in matcher.get_opcodes():
        start, part = len("".join(tokens[:first])), "".join(tokens[first:last])
        words = part.strip(" ;")
        if kind in ("insert", "replace") and words not in ("", "BEGIN", "ROLLBACK"):
            at = start + part.index(words)
            yield range(at, at + len(words))
