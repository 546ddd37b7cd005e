"""Summarizes a run of a matrix in tables, and in JUnit's XML for a CI server."""

from collections import Counter
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from orm_async_tests.matrix.expected_differences import find_missing, find_unexpected
from orm_async_tests.matrix.records import Record, verdicts
from orm_async_tests.verdicts import EVERY_WORD, SKIPPED

Row = tuple[str, ...]


def count_verdicts(records: Sequence[Record]) -> Iterator[Row]:
    """Yield a header, and then the number of scripts with each verdict, in one row per stack."""
    counts = {name: Counter[str]() for name in records[0]["stacks"]}
    for (stack, _), verdict in verdicts(records).items():
        counts[stack][verdict] += 1
    used = [word for word in EVERY_WORD if any(count[word] for count in counts.values())]
    yield ("stack", *used)
    for name, count in counts.items():
        yield (name, *(str(count[word]) if count[word] else "-" for word in used))


def list_differing_scripts(records: Sequence[Record]) -> Iterator[Row]:
    """Yield a header, and then a row for every script whose verdict differs between stacks.

    If a script is skipped on a stack, this does not count as a difference.
    """
    stacks, words = [*records[0]["stacks"]], verdicts(records)
    yield ("script", *(f"{number}" for number, _ in enumerate(stacks, 1)))
    for number in records[0]["scripts"]:
        row = [words.get((stack, number), "") for stack in stacks]
        if len({*row} - {SKIPPED}) > 1:
            yield (f"test{number}", *("-" if word == SKIPPED else word for word in row))


def to_junit(records: Sequence[Record]) -> str:
    """Return JUnit's XML, with one test suite for each stack and one test case for each script.

    A test case fails if the result of the script on the stack is unexpected.
    """
    reasons = {
        (record["stack"], record["number"]): reason for record, reason in find_unexpected(records)
    }
    root = ElementTree.Element("testsuites")
    for stack in records[0]["stacks"]:
        suite = ElementTree.SubElement(root, "testsuite", name=stack)
        for record in [*records, *find_missing(records)]:
            if record["record"] == "result" and record["stack"] == stack:
                _add_case(suite, record, reasons.get((stack, record["number"])))
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add_case(suite: ElementTree.Element, result: Record, failure: str | None) -> None:
    name, seconds = f"test{result['number']}", f"{result['seconds']:.3f}"
    stack = suite.get("name", "")
    case = ElementTree.SubElement(suite, "testcase", name=name, classname=stack, time=seconds)
    if failure is not None:
        ElementTree.SubElement(case, "failure", message=result["verdict"]).text = failure
    elif result["verdict"] == SKIPPED:
        ElementTree.SubElement(case, "skipped", message=result["reason"])
