"""The tables of the page beside the scripts. A sentence says what each of them means."""

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orm_async_tests.faults.report import AMBIGUOUS, KNOWN, PASS, UNRESOLVED, VIOLATION
from orm_async_tests.harness.report.phrasing import pluralize
from orm_async_tests.harness.run.anomalies import LEVELS, OCCURS
from orm_async_tests.html_report.recorded_tables import Table, parse_table, read_section
from orm_async_tests.html_report.result_files import Document, Results

MARKS = {PASS: "·", KNOWN: "=", VIOLATION: "!", AMBIGUOUS: "~", UNRESOLVED: "?"}
MEANINGS = {
    PASS: "survived",
    KNOWN: "a known defect",
    VIOLATION: "violation",
    AMBIGUOUS: "the commit is ambiguous",
    UNRESOLVED: "unresolved",
}
MOST_POINTS = 200  # marks of one row
BASE = "asyncpg"  # the contender of the base of every workload


@dataclass(frozen=True)
class Figure:
    """A table with the sentence that says what it means, and where its rows come from."""

    meaning: str
    rows: Table
    source: str


@dataclass(frozen=True)
class HeatRow:
    """A piece of work under one fault: the verdicts of its points, and their counts."""

    work: str
    fault: str
    points: Sequence[str]
    counts: Counter[str]
    more: int  # points that are not shown


@dataclass(frozen=True)
class HeatMap:
    """A sweep of faults."""

    meaning: str
    stack: str
    rows: Sequence[HeatRow]


@dataclass(frozen=True)
class BenchRow:
    """A pattern of a workload; the ratio is to the workload's first pattern."""

    pattern: str
    mark: str
    ratio: float
    interval: str
    verdict: str
    round_trips: str


@dataclass(frozen=True)
class Workload:
    """What was measured of one workload."""

    title: str
    meaning: str
    rows: Sequence[BenchRow]

    def percent(self, row: BenchRow) -> int:
        """Return the length of a row's bar, where the largest ratio has 100."""
        largest = max(max(other.ratio for other in self.rows), 0.01)
        return round(max(row.ratio, 0) / largest * 100)


def isolation_table(results: Results) -> Figure | None:
    """Return which anomaly occurs at which level, from the results or else from the documents."""
    rows = [row for detail in results.details.values() for row in _read_levels(detail)]
    source = "from these results"
    if rows:
        rows.insert(0, ["", *(level.replace("_", " ").upper() for level in LEVELS)])
    else:
        rows = parse_table(read_section("isolation.md", "table"))
        source = "recorded in docs/isolation.md"
    if not rows:
        return None
    total = len(rows) - 1
    counts = [sum(row[column] == OCCURS for row in rows[1:]) for column in range(1, len(rows[0]))]
    allowed = ", ".join(
        f"{count or 'none'} at {level}" for level, count in zip(rows[0][1:], counts, strict=True)
    )
    meaning = f"Of {total} anomalies, {allowed} occurred: a number is the SQLSTATE of the refusal."
    return Figure(meaning, rows, source)


def _read_levels(detail: Document) -> Iterator[list[str]]:
    """Yield a row for each anomaly of a script about isolation levels."""
    runs = {run["name"]: run["value"] for run in detail["variants"]}
    if tuple(runs) != LEVELS:
        return
    try:
        values = [ast.literal_eval(str(runs[level])) for level in LEVELS]
        yield from ([str(name), *(str(value[name]) for value in values)] for name in values[0])
    except (KeyError, MemoryError, RecursionError, SyntaxError, TypeError, ValueError):
        return


def pooler_table() -> Figure | None:
    """Return which settings work behind PgBouncer, from the documents of the checkout."""
    rows = parse_table(read_section("poolers.md", "statements"))
    if not rows:
        return None
    working = [row[0] for row in rows[1:] if all(cell == "works" for cell in row[1:])]
    meaning = f"Only these settings work in every mode: {'; '.join(working)}."
    run = read_section("poolers.md", "run")
    return Figure(meaning, rows, run or "recorded in docs/poolers.md")


def heat_map(sweep: Document) -> HeatMap:
    """Return the points of a sweep, with a row for every piece of work and fault."""
    rows = [_heat_row(cell) for cell in sweep["cells"]]
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


def _heat_row(cell: Document) -> HeatRow:
    verdicts = [
        word if word in MARKS else UNRESOLVED for word in map(str, cell["verdicts"].values())
    ]
    more = max(0, len(verdicts) - MOST_POINTS)
    return HeatRow(cell["work"], cell["fault"], verdicts[:MOST_POINTS], Counter(verdicts), more)


def list_workloads(results: Results) -> tuple[str, list[Workload]]:
    """Return where the figures come from, and the workloads of all benchmarks."""
    if results.benches:
        heads = [f"{bench['date']}, {bench['machine']}" for bench in results.benches]
        workloads = [
            _workload(item["title"], [_bench_row(pattern) for pattern in item["patterns"]])
            for bench in results.benches
            for item in bench["workloads"]
        ]
        return f"Measured on {'; '.join(heads)}.", workloads
    section = read_section("bench.md", "figures")
    head, *parts = section.split("\n### ")
    workloads = [
        _workload(part.partition("\n")[0], list(_recorded_rows(parse_table(part))))
        for part in parts
    ]
    return head.partition("\n")[0], workloads


def _workload(title: str, rows: Sequence[BenchRow]) -> Workload:
    ours = [row for row in rows if row.pattern.startswith("sqlalchemy")]
    if not ours or not rows:
        return Workload(title, "These results have no pattern of SQLAlchemy.", rows)
    best = max(ours, key=lambda row: row.ratio)
    meaning = (
        f"The fastest pattern of SQLAlchemy, {best.pattern}, reaches {best.ratio:.2f} of the rate"
        f" of {rows[0].pattern}."
    )
    return Workload(title, meaning, rows)


def _bench_row(pattern: Document) -> BenchRow:
    ratio = {name: _number(pattern["ratio"].get(name)) for name in ("median", "low", "high")}
    return BenchRow(
        f"{pattern['contender']}: {pattern['label']}",
        pattern["mark"],
        ratio["median"],
        f"{ratio['low']:.2f} to {ratio['high']:.2f}",
        pattern["verdict"],
        str(pattern["round_trips"]),
    )


def _recorded_rows(table: Table) -> Iterator[BenchRow]:
    head = table[0] if table else []
    for row in table[1:]:
        cells = dict(zip(head, row, strict=False))
        yield BenchRow(
            cells.get("Pattern", ""),
            cells.get("Mark", ""),
            _number(cells.get("Ratio")),
            cells.get("Interval", ""),
            cells.get("Verdict", ""),
            cells.get("Round trips", ""),
        )


def _number(value: object) -> float:
    """Return a finite number, or 0."""
    try:
        number = float(str(value))
    except ValueError:
        return 0.0
    return number if abs(number) < 1e9 else 0.0
