"""Summarizes a matrix as tables and as JUnit XML, and compares two runs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring

from orm_async_tests.matrix.expected_differences import find_nonexistent, find_unexpected
from orm_async_tests.matrix.records import Record, Verdicts, identities, verdicts
from orm_async_tests.verdicts import PASSING, SKIPPED, VERDICTS

Row = tuple[str, ...]
Kind = Literal["regression", "repaired", "changed", "added", "removed"]


def count_verdicts(records: Sequence[Record]) -> Iterator[Row]:
    counts = {name: Counter[str]() for name in records[0]["stacks"]}
    for (stack, _), verdict in verdicts(records).items():
        counts[stack][verdict] += 1
    used = [word for word in VERDICTS if any(count[word] for count in counts.values())]
    yield ("stack", *used)
    for name, count in counts.items():
        yield (name, *(str(count[word]) if count[word] else "-" for word in used))


def list_differing_scripts(records: Sequence[Record]) -> Iterator[Row]:
    """Yield a table of the scripts whose verdicts differ between stacks.

    The verdict SKIPPED is not a difference.
    """
    stacks, words = [*records[0]["stacks"]], verdicts(records)
    yield ("script", *(f"{number}" for number, _ in enumerate(stacks, 1)))
    for number in records[0]["scripts"]:
        row = [words.get((stack, number), "") for stack in stacks]
        if len({*row} - {SKIPPED}) > 1:
            yield (f"test{number}", *("-" if word == SKIPPED else word for word in row))


def to_junit(records: Sequence[Record]) -> str:
    reasons = {
        (record["stack"], record["number"]): reason for record, reason in find_unexpected(records)
    }
    root = Element("testsuites")
    suites = {stack: SubElement(root, "testsuite", name=stack) for stack in records[0]["stacks"]}
    for record in [*records, *find_nonexistent(records)]:
        if record["record"] == "result":
            stack, number, verdict = record["stack"], record["number"], record["verdict"]
            fields = {"name": f"test{number}", "classname": stack}
            case = SubElement(suites[stack], "testcase", fields, time=f"{record['seconds']:.3f}")
            if (failure := reasons.get((stack, number))) is not None:
                SubElement(case, "failure", message=verdict).text = failure
            elif verdict == SKIPPED:
                SubElement(case, "skipped", message=record["reason"])
    return tostring(root, encoding="unicode", xml_declaration=True) + "\n"


class VerdictChange(NamedTuple):
    """The verdicts of a script in two runs. A missing verdict is ""."""

    kind: Kind
    stack: str
    number: int
    before: str
    after: str


def compare_verdicts(before: Verdicts, after: Verdicts) -> list[VerdictChange]:
    keys = sorted(before.keys() | after.keys())
    pairs = {key: (before.get(key, ""), after.get(key, "")) for key in keys}
    changes = [
        VerdictChange(_kind(*words), *key, *words)
        for key, words in pairs.items()
        if words[0] != words[1]
    ]
    return sorted(changes, key=lambda change: change.kind != "regression")


def compare_identities(
    before: Sequence[Record], after: Sequence[Record]
) -> list[tuple[str, str, str, str]]:
    """Return how the stacks of two runs differ.

    A tuple contains the stack, the field, the older value and the newer value. A missing value is
    "".
    """
    old, new = identities(before), identities(after)
    return [
        (stack, name, older, newer)
        for stack in sorted(old.keys() & new.keys())
        for name in sorted(old[stack].keys() | new[stack].keys())
        if (older := old[stack].get(name, "")) != (newer := new[stack].get(name, ""))
    ]


def _kind(old: str, new: str) -> Kind:
    if not new:
        return "removed"
    if not old:
        return "added" if new in PASSING else "regression"
    if (old in PASSING) != (new in PASSING):
        return "repaired" if new in PASSING else "regression"
    return "changed"
