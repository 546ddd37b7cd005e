"""A comparison as text for a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from orm_async_tests.bench.compared import middle

Found = Mapping[str, Any]
HEAD = "ratio  between        verdict    cpu  round trips statements      ms"
CODE = 8  # columns before code and statements


def text(document: Found, with_code: Mapping[str, str]) -> Iterator[str]:
    """The lines; with_code has the code of patterns that are to be shown with their statements."""
    stack = document["stack"]
    yield f"{stack['date']}, {stack['machine']}, load {stack['load']}, {stack['server']}"
    for name, each in stack["contenders"].items():
        yield f"{name}: {', '.join(map(' '.join, each['versions'].items()))}"
    for workload in document["workloads"]:
        yield from _workload(workload, with_code)


def _workload(workload: Found, with_code: Mapping[str, str]) -> Iterator[str]:
    base, control = workload["patterns"][0], workload["control"]
    again = f"{control['middle']:.2f} ({between(control)})"
    yield ""
    yield f"{workload['title']}: multiples of the rate of {base['contender']}, {base['label']}"
    yield f"{workload['rounds']} rounds; in another process the same again is {again}"
    yield f"{HEAD:>{len(HEAD)}}  pattern"
    for each in workload["patterns"]:
        yield _pattern(each)
        key = f"{each['contender']}.{each['name']}"
        if key in with_code:
            yield from _code(each, with_code[key])


def _pattern(each: Found) -> str:
    ratio = each["ratio"]
    judged = f"{ratio['middle']:5.2f}  {between(ratio):14} {each['verdict']:9} {each['cpu']:5.2f}"
    counts = f"{each['round_trips']:12} {executions(each):10} {middle(each):7.1f}"
    return f"{judged} {counts}  {each['contender']} ({each['mark']}): {each['label']}"


def _code(each: Found, code: str) -> Iterator[str]:
    indent = " " * CODE
    yield from (f"{indent}{line}".rstrip() for line in code.splitlines())
    for statement in each["statements"]:
        yield f"{indent}{statement['times']} x {statement['sql']}"
    yield ""


def executions(pattern: Found) -> int:
    """How many statements a pattern sent, each as often as it was executed."""
    return sum(each["times"] for each in pattern["statements"])


def between(ratio: Found) -> str:
    """The ends of a ratio's interval."""
    return f"{ratio['low']:.2f} to {ratio['high']:.2f}"
