"""What a matrix found, for people: a table, Markdown, and JUnit's XML for a CI server."""

from collections import Counter
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from orm_async_tests.matrix.expected import absent, unexpected
from orm_async_tests.matrix.records import Record, verdicts
from orm_async_tests.verdicts import EVERY_WORD, SKIPPED


def counts(records: Sequence[Record]) -> Iterator[tuple[str, ...]]:
    """A row for each stack: how many scripts have which verdict."""
    stacks = records[0]["stacks"]
    found = {name: Counter[str]() for name in stacks}
    for (stack, _), verdict in verdicts(records).items():
        found[stack][verdict] += 1
    used = [word for word in EVERY_WORD if any(count[word] for count in found.values())]
    yield ("stack", *used)
    for name, count in found.items():
        yield (name, *(str(count[word]) if count[word] else "-" for word in used))


def differing(records: Sequence[Record]) -> Iterator[tuple[str, ...]]:
    """A row for each script whose verdict is not the same on every stack that it is about."""
    stacks, found = [*records[0]["stacks"]], verdicts(records)
    yield ("script", *(f"{number}" for number, _ in enumerate(stacks, 1)))
    for number in records[0]["scripts"]:
        row = [found.get((stack, number), "") for stack in stacks]
        if len({*row} - {SKIPPED}) > 1:
            yield (f"test{number}", *(_short(word) for word in row))


def _short(word: str) -> str:
    return "-" if word == SKIPPED else word


def markdown(rows: Iterator[tuple[str, ...]]) -> str:
    """A table in Markdown, whose first row is its head."""
    head, *rest = rows
    lines = [head, ("---",) * len(head), *rest]
    return "".join(f"| {' | '.join(row)} |\n" for row in lines)


def junit(records: list[Record]) -> str:
    """JUnit's XML: a suite for each stack, a case for each script; failures are the unexpected."""
    why = {(each["stack"], each["number"]): reason for each, reason in unexpected(records)}
    root = ElementTree.Element("testsuites")
    for stack in records[0]["stacks"]:
        suite = ElementTree.SubElement(root, "testsuite", name=stack)
        for each in [*records, *absent(records)]:
            if each["record"] == "result" and each["stack"] == stack:
                _case(suite, each, why.get((stack, each["number"])))
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ElementTree.Element, result: Record, failure: str | None) -> None:
    name, seconds = f"test{result['number']}", f"{result['seconds']:.3f}"
    stack = suite.get("name", "")
    case = ElementTree.SubElement(suite, "testcase", name=name, classname=stack, time=seconds)
    if failure is not None:
        ElementTree.SubElement(case, "failure", message=result["verdict"]).text = failure
    elif result["verdict"] == SKIPPED:
        ElementTree.SubElement(case, "skipped", message=result["reason"])
