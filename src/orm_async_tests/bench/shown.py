"""A comparison as text for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orm_async_tests.bench.compared import middle

Found = Mapping[str, Any]
HEAD = "ratio  between        verdict    cpu  round trips statements      ms"
SCALES = {"sizes": "rows", "delays": "milliseconds that a round trip takes longer"}
CODE = 8  # columns before code and statements


def text(document: Found, with_code: Mapping[str, str]) -> Iterator[str]:
    """The lines; with_code has the code of patterns that are to be shown with their statements."""
    stack = document["stack"]
    load = " to ".join(map(str, stack["load"]))
    yield f"{stack['date']}, {stack['machine']}, load {load}, {stack['server']}"
    for name, each in stack["contenders"].items():
        yield f"{name}: {', '.join(map(' '.join, each['versions'].items()))}"
    for workload in document["workloads"]:
        yield from _workload(workload, with_code)
    for name, unit in SCALES.items():
        for table in document.get(name, ()):
            yield from _scale(table, unit)
    yield from _memory(document.get("memory", ()))


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


def _scale(table: Found, unit: str) -> Iterator[str]:
    base, *others = table["lines"]
    steps = "".join(f"{step:>8g}" for step in table["steps"])
    yield f"\n{table['workload']}, by {unit}: multiples of the rate of {name_of(base)}\n{steps}"
    for each in others:
        ratios = "".join(f"{ratio['middle']:8.2f}" for ratio in each["ratios"])
        yield f"{ratios}  {name_of(each)}"


def _memory(rows: Sequence[Found]) -> Iterator[str]:
    if rows:
        yield f"\nMiB held at most: after a batch, and after a stream of {rows[0]['rows']} rows"
    for each in rows:
        yield f"{each['batch']:8.1f}{each['peak']:8.1f}  {name_of(each)}"


def name_of(each: Found) -> str:
    """A pattern as a person reads it."""
    return f"{each['contender']} ({each['mark']}): {each['label']}"


def _pattern(each: Found) -> str:
    ratio = each["ratio"]
    judged = f"{ratio['middle']:5.2f}  {between(ratio):14} {each['verdict']:9} {each['cpu']:5.2f}"
    counts = f"{each['round_trips']:12} {executions(each):10} {middle(each):7.1f}"
    return f"{judged} {counts}  {name_of(each)}"


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
