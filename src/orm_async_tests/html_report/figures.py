"""Prepares tables about isolation levels, poolers, faults and benchmarks for the HTML page."""

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from orm_async_tests.faults.outcomes import AMBIGUOUS, KNOWN, PASS, UNRESOLVED, VIOLATION
from orm_async_tests.harness.report.phrasing import pluralize
from orm_async_tests.harness.run.anomalies import LEVELS, OCCURS
from orm_async_tests.html_report.recorded_tables import Table, parse_table, read_section
from orm_async_tests.html_report.result_files import Document, Results

FAULT_MARKS = {  # the mark of a point, and what it means
    PASS: ("·", "survived"),
    KNOWN: ("=", "a known defect"),
    VIOLATION: ("!", "violation"),
    AMBIGUOUS: ("~", "the commit is ambiguous"),
    UNRESOLVED: ("?", "unresolved"),
}
MAX_POINTS = 200  # marks of one row


class Figure(NamedTuple):
    """A table on the HTML page, with an explanation and the source of its rows."""

    meaning: str
    rows: Table
    source: str


class HeatRow(NamedTuple):
    """A row of the heat map: the verdicts of a sweep on one function and one kind of fault."""

    work: str
    fault: str
    points: Sequence[str]  # the verdicts of the first MAX_POINTS fault points
    counts: Counter[str]  # of all verdicts


class HeatMap(NamedTuple):
    meaning: str
    stack: str
    rows: Sequence[HeatRow]


class BenchRow(NamedTuple):
    """The speed of one pattern of code, relative to the first pattern."""

    pattern: str
    mark: str
    ratio: float
    interval: str
    comparison: str
    round_trips: str


class Workload(NamedTuple):
    title: str
    meaning: str
    rows: Sequence[BenchRow]

    def percent(self, row: BenchRow) -> int:
        """Return the length of a row's bar as a percentage of the longest bar."""
        largest = max(max(other.ratio for other in self.rows), 0.01)
        return round(max(row.ratio, 0) / largest * 100)


def isolation_table(results: Results) -> Figure | None:
    rows = [row for detail in results.details.values() for row in _read_levels(detail)]
    if rows:
        rows.insert(0, ["", *(level.replace("_", " ").upper() for level in LEVELS)])
        source = "From these results."
    else:
        rows = parse_table(read_section("isolation.md", "table"))
        source = "Recorded in docs/isolation.md."
    if not rows:
        return None
    counts = [sum(row[column] == OCCURS for row in rows[1:]) for column in range(1, len(rows[0]))]
    allowed = [
        f"{level} lets {count or 'none'} of {len(rows) - 1} anomalies occur"
        for level, count in zip(rows[0][1:], counts, strict=True)
    ]
    refusal = "A number is the SQLSTATE with which the server refuses a transaction."
    meaning = f"{'; '.join(allowed)}. {refusal}"
    return Figure(meaning, rows, source)


def _read_levels(detail: Document) -> Iterator[list[str]]:
    runs = {run["name"]: run["value"] for run in detail["variants"]}
    if tuple(runs) != LEVELS:
        return
    try:
        values = [ast.literal_eval(str(runs[level])) for level in LEVELS]
        yield from ([str(name), *(str(value[name]) for value in values)] for name in values[0])
    except (KeyError, MemoryError, RecursionError, SyntaxError, TypeError, ValueError):
        return


def pooler_table() -> Figure:
    rows = parse_table(read_section("poolers.md", "statements"))
    working = "; ".join(row[0] for row in rows[1:] if set(row[1:]) == {"works"})
    meaning = f"Only these settings work in every mode: {working}."
    return Figure(meaning, rows, read_section("poolers.md", "run"))


def heat_map(sweep: Document) -> HeatMap:
    rows = []
    for cell in sweep["cells"]:
        points = [word if word in FAULT_MARKS else UNRESOLVED for word in cell["verdicts"].values()]
        rows.append(HeatRow(cell["work"], cell["fault"], points[:MAX_POINTS], Counter(points)))
    counts: Counter[str] = sum((row.counts for row in rows), Counter())
    violations = counts[VIOLATION]
    meaning = (
        f"After a fault at each of {counts.total()} points, "
        f"{pluralize(violations, 'violation') if violations else 'nothing'} was left behind"
        " that no known defect of a library explains;"
        f" known defects explain {counts[KNOWN]}, and {counts[UNRESOLVED]} are unresolved."
    )
    stack = ", ".join(f"{name} {version}" for name, version in sweep["stack"].items())
    return HeatMap(meaning, stack, rows)


def list_workloads(results: Results) -> tuple[str, list[Workload]]:
    if results.benches:
        heads = [f"{bench['date']}, {bench['machine']}" for bench in results.benches]
        items = [item for bench in results.benches for item in bench["workloads"]]
        measured = [
            _workload(item["title"], list(map(_bench_row, item["patterns"]))) for item in items
        ]
        return f"Measured on {'; '.join(heads)}.", measured
    head, *parts = read_section("bench.md", "figures").split("\n### ")
    recorded = [
        _workload(part.partition("\n")[0], list(_recorded_rows(parse_table(part))))
        for part in parts
    ]
    return head.partition("\n")[0], recorded


def _workload(title: str, rows: Sequence[BenchRow]) -> Workload:
    ours = [row for row in rows if row.pattern.startswith("sqlalchemy")]
    if not ours:
        meaning = f'The benchmark measured no SQLAlchemy code for the workload "{title}".'
        return Workload(title, meaning, rows)
    best = max(ours, key=lambda row: row.ratio)
    rate = f"{best.ratio:.2f} of the rate of {rows[0].pattern}"
    meaning = f"The fastest pattern of SQLAlchemy, {best.pattern}, reaches {rate}."
    return Workload(title, meaning, rows)


def _bench_row(pattern: Document) -> BenchRow:
    median, low, high = (_number(pattern["ratio"].get(name)) for name in ("median", "low", "high"))
    name = f"{pattern['contender']}: {pattern['label']}"
    comparison, round_trips = pattern["verdict"], str(pattern["round_trips"])
    return BenchRow(
        name, pattern["mark"], median, f"{low:.2f} to {high:.2f}", comparison, round_trips
    )


def _recorded_rows(table: Table) -> Iterator[BenchRow]:
    for row in table[1:]:
        cells = dict(zip(table[0], row, strict=False))
        pattern, mark, ratio, interval, comparison, round_trips = (
            cells.get(name, "")
            for name in ("Pattern", "Mark", "Ratio", "Interval", "Comparison", "Round trips")
        )
        yield BenchRow(pattern, mark, _number(ratio), interval, comparison, round_trips)


def _number(value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        return 0.0
    return number if abs(number) < 1e9 else 0.0
