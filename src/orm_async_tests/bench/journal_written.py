"""The workloads of tortoise/orm-benchmarks as Markdown: ratios, and what a published gap is of."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import geometric_mean
from typing import Any

from orm_async_tests.bench.compared import middle
from orm_async_tests.bench.contenders.given import TASKS
from orm_async_tests.bench.rounds import Ratio, ratio_of
from orm_async_tests.bench.suites import JOURNAL
from orm_async_tests.bench.written import CONTENDERS, patterns, stack, table

Found = Mapping[str, Any]
Cell = Callable[[Found], Ratio | None]
FIRST = "<!-- journal: written by tools/orm_benchmarks.py -->"
LAST = "<!-- /journal -->"
MEAN = "Geometric mean"
NOTHING = ""  # where a library has no such pattern
# Rows a second of Tortoise and of "SA ORM async": PostgreSQL 17, test 1, at commit 6a5b4eb.
PUBLISHED = {
    "single": (3455, 584),
    "batch": (14033, 1154),
    "bulk": (18807, 1264),
    "large": (143810, 32318),
    "small": (60699, 7532),
    "get": (6420, 1894),
    "dicts": (209380, 33798),
    "tuples": (197175, 37933),
    "whole": (17407, 1743),
    "partial": (18255, 1526),
    "delete": (21010, 1869),
}
RATES = {  # contender and mark, by the head of a column
    "SQLAlchemy": ("sqlalchemy", "idiomatic"),
    "SQLAlchemy, tuned": ("sqlalchemy_tuned", "tuned"),
    "Tortoise": ("tortoise", "idiomatic"),
    "Tortoise, tuned": ("tortoise", "tuned"),
    "Piccolo": ("piccolo", "idiomatic"),
    "Piccolo, tuned": ("piccolo", "tuned"),
}


def markdown(document: Found) -> Iterator[str]:
    """The lines."""
    yield from stack(document["stack"])
    yield from _rates(document["workloads"])
    yield from _gap(document)
    yield "## Each workload"
    yield ""
    for workload in document["workloads"]:
        yield from patterns(workload, f"{CONTENDERS}/{JOURNAL.folder}")


def first(workload: Found, contender: str, mark: str) -> Found | None:
    """A contender's pattern for a workload: the first idiomatic one, or the fastest tuned one."""
    found = [each for each in workload["patterns"] if each["contender"] == contender]
    found = [each for each in found if mark in (each["mark"], "")]
    return min(found, key=middle, default=None) if mark == "tuned" else next(iter(found), None)


def _rates(workloads: Sequence[Found]) -> Iterator[str]:
    yield "## Ratios to raw asyncpg"
    yield ""
    yield f"{_rows(workloads)} rows, {TASKS} tasks; in multiples of asyncpg's rate: 1 is as fast."
    yield ""

    def cell(contender: str, mark: str) -> Cell:
        def ratio(workload: Found) -> Ratio | None:
            pattern = first(workload, contender, mark)
            return Ratio(**pattern["ratio"]) if pattern else None

        return ratio

    yield from _means(workloads, {name: cell(*which) for name, which in RATES.items()})
    yield ""


def _gap(document: Found) -> Iterator[str]:
    few = document["gap"]
    many, new, then = (
        {each["name"]: each for each in document[part]} for part in ("workloads", "once", "then")
    )
    yield "## Tortoise's rate in multiples of SQLAlchemy's"
    yield ""
    yield "Each column has what the columns before it have, and one cause less."
    yield ""

    def here(contender: str, mark: str = "") -> Cell:
        return lambda workload: _to_tortoise(workload, contender, mark)

    def there(found: Mapping[str, Found], contender: str, mark: str) -> Cell:
        return lambda workload: _to_tortoise(found[workload["name"]], contender, mark)

    columns = {
        "Published": lambda workload: _published(workload["name"]),
        "asyncpg 0.31": there(then, "published", ""),
        "asyncpg 0.32": there(new, "published", ""),
        "Not for the first time": here("published"),
        "Ten warm connections": here("published_warm"),
        "Calls as documented": here("sqlalchemy"),
        f"{_rows(document['workloads'])} rows": there(many, "sqlalchemy", "idiomatic"),
        "Both tuned": there(many, "sqlalchemy_tuned", "tuned"),
    }
    yield from _means(few, columns)
    yield ""


def _to_tortoise(workload: Found, contender: str, mark: str) -> Ratio | None:
    ours = first(workload, contender, mark)
    theirs = [first(workload, "tortoise", each) for each in ("", mark)]
    fastest = min((each for each in theirs if each), key=middle)
    return ratio_of(ours["milliseconds"], fastest["milliseconds"]) if ours else None


def _published(name: str) -> Ratio:
    tortoise, sqlalchemy = PUBLISHED[name]
    return Ratio(*[tortoise / sqlalchemy] * 3)


def _means(workloads: Sequence[Found], columns: Mapping[str, Cell]) -> Iterator[str]:
    """A row for each workload, and the geometric means of columns that are whole."""
    ratios = [[cell(workload) for cell in columns.values()] for workload in workloads]
    rows = [["", *columns]]
    for workload, row in zip(workloads, ratios, strict=True):
        rows.append(
            [workload["title"], *(f"{each.middle:.2f}" if each else NOTHING for each in row)]
        )
    means = [MEAN]
    for column in zip(*ratios, strict=True):
        middles = [each.middle for each in column if each]
        means.append(f"{geometric_mean(middles):.2f}" if len(middles) == len(ratios) else NOTHING)
    yield from table([*rows, means])


def _rows(workloads: Sequence[Found]) -> int:
    return int(workloads[0]["sizes"]["rows"])
