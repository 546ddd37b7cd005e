"""A comparison as Markdown: bars, a table for each workload, growth, and where the charts lie."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from orm_async_tests.bench.bars import MEMORY, OURS, measured
from orm_async_tests.bench.compared import middle
from orm_async_tests.bench.shown import SCALES, between, executions

Found = Mapping[str, Any]
FIRST, LAST = "<!-- peers: written by tools/peers.py -->", "<!-- /peers -->"
CONTENDERS = "../src/orm_async_tests/bench/contenders"
HEAD = ["Pattern", "Mark", "Ratio", "Between", "Verdict", "CPU", "Round trips", "Statements", "ms"]


def markdown(document: Found, folder: str) -> Iterator[str]:
    """The lines; charts lie in the folder, as seen from the text."""
    yield from stack(document["stack"])
    yield from _bars(document)
    for workload in document["workloads"]:
        yield from patterns(workload)
        yield from _charts(workload, folder)
    for name, unit in SCALES.items():
        if document.get(name):
            yield from _scale(document[name], name, unit, folder)
    yield from _memory(document.get("memory", ()))


def stack(found: Found) -> Iterator[str]:
    """When and on what it was measured, and what each contender consists of."""
    load = " to ".join(map(str, found["load"]))
    yield f"{found['date']}; {found['machine']}, at a load of {load}; {found['server']}."
    if max(found["load"]) > found["cpus"]:
        yield "More wanted a CPU than there were: what is within an interval says nothing here."
    yield ""
    for name, each in found["contenders"].items():
        why = f" ({each['why']})" if each["why"] else ""
        yield f"- {name}: {', '.join(map(' '.join, each['versions'].items()))}{why}."
    yield ""


def in_page(page: str, lines: Iterable[str], first: str = FIRST, last: str = LAST) -> str:
    """The page with these lines between its two comments."""
    before, _, rest = page.partition(f"{first}\n")
    _, _, after = rest.partition(last)
    return "".join([before, f"{first}\n", *(f"{line}\n" for line in lines), last, after])


def _bars(document: Found) -> Iterator[str]:
    yield "### Bars"
    yield ""
    yield "`reached` and `missed` are beyond the interval; `by the median` and `not shown` within."
    yield ""
    rows = [["Bar", "At least", "Measured", "Between", "Verdict", "Of", "To"]]
    for each in measured(document):
        text = f"{each.bar.text} (stretch)" if each.bar.stretch else each.bar.text
        ends = f"{each.ratio.low:.2f} to {each.ratio.high:.2f}"
        ratio = f"{each.ratio.middle:.2f}"
        names = f"`{each.ours}`", f"`{each.other}`"
        rows.append([text, f"{each.bar.least:.2f}", ratio, ends, each.verdict, *names])
    yield from table(rows)
    for each in document.get("memory", ()):
        if each["contender"] in OURS and each["name"] != "stream":
            ratio = each["peak"] / each["batch"]
            said = "reached" if ratio <= MEMORY else "missed"
            yield ""
            yield (
                f"Memory of a stream of {each['rows']} rows, to that of the imports and one batch,"
                f" at most {MEMORY}: {ratio:.2f}, {said} (`{each['contender']}.{each['name']}`)."
            )
    yield ""


def patterns(workload: Found, contenders: str = CONTENDERS) -> Iterator[str]:
    """A workload's ratios, and what each pattern sends; its code lies in a folder."""
    base, control = workload["patterns"][0], workload["control"]
    yield f"### {workload['title']}"
    yield ""
    name = f"{base['contender']}, {base['label']}"
    again = f"{control['middle']:.2f} ({between(control)})"
    sizes = ", ".join(f"{name} {size}" for name, size in workload["sizes"].items())
    yield f"Multiples of the rate of {name}; {workload['rounds']} rounds, {sizes}."
    yield f"In another process the same again is {again}."
    yield ""
    rows = [HEAD]
    for each in workload["patterns"]:
        code = f"{contenders}/{each['contender']}.py#L{each['line']}"
        ratio, cpu = f"{each['ratio']['middle']:.2f}", f"{each['cpu']:.2f}"
        label = f"[{each['contender']}: {each['label']}]({code})"
        counts = str(each["round_trips"]), str(executions(each)), f"{middle(each):.1f}"
        judged = ratio, between(each["ratio"]), each["verdict"], cpu
        rows.append([label, each["mark"], *judged, *counts])
    yield from table(rows)
    yield ""


def _charts(workload: Found, folder: str) -> Iterator[str]:
    yield f"![{workload['title']}: ratios to raw asyncpg]({folder}/{workload['name']}.svg)"
    yield ""
    clocked = [each for each in workload["patterns"] if "percentiles" in each]
    if clocked:
        yield f"![Milliseconds of single reads]({folder}/{workload['name']}-percentiles.svg)"
        yield ""


def _scale(tables: Sequence[Found], name: str, unit: str, folder: str) -> Iterator[str]:
    yield f"### By {unit}"
    yield ""
    for each in tables:
        base, *others = each["lines"]
        rows = [[f"`{each['workload']}`, to {base['contender']}: {base['label']}"]]
        rows[0] += [f"{step:g}" for step in each["steps"]]
        for line in others:
            ratios = [f"{ratio['middle']:.2f}" for ratio in line["ratios"]]
            rows.append([f"{line['contender']}: {line['label']}", *ratios])
        yield from table(rows)
        yield ""
        yield f"![{each['workload']} by {unit}]({folder}/{each['workload']}-{name}.svg)"
        yield ""


def _memory(rows: Sequence[Found]) -> Iterator[str]:
    if not rows:
        return
    yield "### Memory of a stream"
    yield ""
    head = ["MiB that a new process held at most", "After a batch"]
    cells = [[*head, f"After {rows[0]['rows']} rows"]]
    for each in rows:
        name = f"{each['contender']}: {each['label']}"
        cells.append([name, f"{each['batch']:.0f}", f"{each['peak']:.0f}"])
    yield from table(cells)


def table(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Rows of words as a table; the first row is the head."""
    for number, row in enumerate(rows):
        yield f"| {' | '.join(row)} |"
        if number == 0:
            yield f"|{' --- |' * len(row)}"
