"""Tokens of fault points, and the violations of an outcome."""

from dataclasses import replace
from pathlib import Path

import pytest

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults.expected_violations import (
    explain_outcome,
    find_unshown_defects,
    read_expected,
)
from orm_async_tests.faults.fault_points import KINDS, PAIRS, Fault, Point, list_faults, parse_point
from orm_async_tests.faults.outcomes import (
    AMBIGUOUS,
    KNOWN,
    PASS,
    UNRESOLVED,
    VIOLATION,
    Cell,
    Outcome,
)
from orm_async_tests.faults.report import Report, format_cell, summarize

POINT = Point("asyncpg", "asyncio", "shop.orders:place_order", Fault("cancel", "ready"), 7)
CUT = replace(POINT, fault=Fault("reset", "after"))
CLEAN = Outcome(
    POINT, delivered=True, result="CancelledError", change=(0, 0), expected_change=(-1, 1)
)


def test_a_token_names_its_point() -> None:
    assert parse_point(POINT.token) == POINT
    assert parse_point(CUT.token) == CUT


def test_the_page_explains_every_kind_of_faults() -> None:
    page = (Path(__file__).parents[2] / "docs/faults.md").read_text("utf-8")
    assert [kind for kind in KINDS if f"| `{kind}` |" not in page] == []


@pytest.mark.parametrize(
    "token",
    [
        "a/b/c/cancel-ready/1+2",
        "a/b/c/cancel+cancel-ready/1",
        "a/b/c/cancel-ready/0+1",
        "a/b/c/cancel-ready/-1",
        "a/b/c/cancel-ready/\N{SUPERSCRIPT TWO}",
        "a/b/c/cancel-never/1",
        "a/b/c/flood-ready/1",
        "a/b",
        "",
    ],
)
def test_a_malformed_token_is_refused(token: str) -> None:
    with pytest.raises(CouldNotRun, match="not a fault point"):
        parse_point(token)


def test_every_fault_has_a_token() -> None:
    points = [replace(POINT, fault=fault, then=int(fault.kind in PAIRS)) for fault in list_faults()]
    points += [replace(point, at=0, then=0) for point in points]  # without a fault
    assert [parse_point(point.token) for point in points] == points
    assert len({point.token for point in points}) == len(points) == 50


@pytest.mark.parametrize(
    ("outcome", "violations"),
    [
        (CLEAN, set()),
        (replace(CLEAN, result=""), {"stuck"}),
        (replace(CLEAN, needed_cancel=True), {"waiting"}),
        (replace(CLEAN, result="", needed_cancel=True), {"stuck"}),
        (replace(CLEAN, result="AssertionError"), {"swallowed"}),
        (replace(CLEAN, result="done", change=(-1, 1)), {"swallowed"}),
        (replace(CLEAN, checked_out=1), {"checked out"}),
        (replace(CLEAN, backend_states=("idle", "idle in transaction")), {"open backend"}),
        (replace(CLEAN, backend_states=("idle",)), set()),
        (replace(CLEAN, leaked_tasks=("place_order",)), {"leaked task"}),
        (replace(CLEAN, troubles=("ResourceWarning: unclosed",)), {"trouble"}),
        (replace(CLEAN, change=(-1, 0)), {"partial commit"}),
        (replace(CLEAN, change=(-2, 2)), {"partial commit"}),
        (replace(CLEAN, change=(-1, 1)), set()),
        (replace(CLEAN, failed_uses=("DBAPIError: closed",)), {"unusable"}),
        (replace(CLEAN, orphans=1), {"orphan"}),
        (replace(CLEAN, point=CUT, result="done"), {"lost commit"}),
        (replace(CLEAN, point=CUT, result="done", change=(-1, 1)), set()),
        (replace(CLEAN, point=CUT, result="DBAPIError", failed_uses=("",)), set()),
        (replace(CLEAN, point=CUT, result="DBAPIError", failed_uses=("", "")), {"unusable"}),
    ],
)
def test_violations_are_named(outcome: Outcome, violations: set[str]) -> None:
    assert set(outcome.violations) == violations


def test_an_undelivered_fault_is_unresolved() -> None:
    missed = replace(CLEAN, delivered=False)
    unconfirmed = replace(CLEAN, unconfirmed={"leaked task": "close"}, label="orders.py:10 place")
    report = Report([Cell("place_order", POINT.fault, (3, 3), (CLEAN, missed, unconfirmed))])
    assert report.unresolved == [missed, unconfirmed]
    assert "3 points: 0 violations, 0 by known defects, 2 unresolved" in summarize(report)
    assert str(report).splitlines()[1:] == [
        "at a suspension that the function did not reach: unresolved (1 point)",
        f"  {POINT.token}",
        "    unresolved: the fault did not arrive",
        "orders.py:10 place: unresolved (1 point)",
        f"  {POINT.token}",
        "    unresolved: leaked task: close, but not in a second run",
        "    at orders.py:10 place",
    ]


def test_a_partial_commit_shows_the_numbers_of_the_query() -> None:
    outcome = replace(CLEAN, change=(-1, 0), label="orders.py:10 place > Connection.begin:1")
    report = Report([Cell("place_order", CUT.fault, (1, 1), (outcome,))])
    assert str(report).splitlines()[1:] == [
        "orders.py:10 place: partial commit (1 point)",
        f"  {POINT.token}",
        "    partial commit: changed by -1, 0 instead of -1, 1",
        "    at orders.py:10 place > Connection.begin:1",
    ]


def test_a_violation_without_a_fault_is_not_at_a_fault_point() -> None:
    outcomes = [
        Outcome(replace(point, at=0), result="done", checked_out=1) for point in (POINT, CUT)
    ]
    report = Report([Cell("place_order", POINT.fault, (1, 1), tuple(outcomes))])
    assert str(report).splitlines()[1] == "without a fault: checked out (2 points)"
    assert [outcome.reached for outcome in outcomes] == [True, True]
    assert replace(outcomes[0], checked_out=0).status == PASS


def test_failures_are_grouped_by_the_users_line() -> None:
    labels = ("orders.py:10 place > Connection.begin:1", "orders.py:9 place", "orders.py:10 place")
    outcomes = tuple(replace(CLEAN, label=label, orphans=1) for label in labels)
    report = Report([Cell("place_order", POINT.fault, (3, 3), outcomes)])
    headers = [line for line in str(report).splitlines()[1:] if not line.startswith(" ")]
    assert headers == [
        "orders.py:10 place: orphan (2 points)",
        "orders.py:9 place: orphan (1 point)",
    ]


@pytest.mark.parametrize(
    ("label", "sqlalchemy", "is_known"),
    [
        ("work.py:9 add > _start_transaction:848 > Transaction.start:146", "2.0.58", True),
        ("work.py:9 add > _start_transaction:848 > Transaction.start:146", "2.1.0", False),
        ("work.py:9 add > Connection.prepare:661", "2.0.58", False),
    ],
)
def test_a_transaction_left_open_by_a_listener_is_known_where_begin_is_sent(
    label: str, sqlalchemy: str, is_known: bool
) -> None:
    outcome = replace(CLEAN, label=label, backend_states=("idle in transaction",))
    versions = {"sqlalchemy": sqlalchemy, "asyncpg": "0.32.0"}
    explained = explain_outcome(outcome, versions)
    assert (explained.defect == read_expected()["listener_begins"].defect) is is_known


@pytest.mark.parametrize(
    ("function", "fault", "is_missing"),
    [
        ("read_untimed", Fault("stall", "before"), True),
        ("copy", Fault("terminate", "suspended"), False),  # depends on the server's speed
    ],
)
def test_a_sweep_misses_a_known_defect_that_every_sweep_shows(
    function: str, fault: Fault, is_missing: bool
) -> None:
    cell = Cell(function, fault, (1, 1), (CLEAN,))
    assert bool(list(find_unshown_defects([cell], {"asyncpg": "0.32.0"}))) is is_missing


def test_a_commit_with_an_error_for_the_caller_is_ambiguous() -> None:
    outcomes = (CLEAN, replace(CLEAN, change=(-1, 1)))
    report = Report([Cell("add", POINT.fault, (2, 2), outcomes)])
    assert len(report.ambiguous) == 1
    assert not report.violating


def test_a_cell_shows_counts_that_differ_and_points_that_were_left_out() -> None:
    assert format_cell(Cell("add", POINT.fault, (8, 6), (CLEAN,) * 8)) == "6-8"
    assert format_cell(Cell("bulk", CUT.fault, (2006, 2006), (CLEAN,) * 40)) == "40 of 2006"
    assert format_cell(Cell("add", CUT.fault, (2, 2), (CLEAN, replace(CLEAN, orphans=1)))) == "2 !1"


def test_an_outcome_has_one_of_five_statuses() -> None:
    outcomes = {
        PASS: CLEAN,
        KNOWN: replace(CLEAN, orphans=1, defect=read_expected()["never_retrieved"].defect),
        VIOLATION: replace(CLEAN, orphans=1),
        AMBIGUOUS: replace(CLEAN, change=(-1, 1)),
        UNRESOLVED: replace(CLEAN, delivered=False),
    }
    assert {status: outcome.status for status, outcome in outcomes.items()} == {
        status: status for status in outcomes
    }
