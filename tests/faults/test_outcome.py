"""What of the things seen at a point is a violation."""

from dataclasses import replace
from pathlib import Path

import pytest

from orm_async_tests import charts
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults import heatmap
from orm_async_tests.faults.kinds import KINDS, Fault, faults
from orm_async_tests.faults.known import LISTENER_BEGINS, NEVER_RETRIEVED, explained
from orm_async_tests.faults.outcome import Outcome, Point, parse
from orm_async_tests.faults.report import Cell, Report, summary, verdict

POINT = Point("asyncpg", "asyncio", "shop.orders:place_order", Fault("cancel", "ready"), 7)
CUT = replace(POINT, fault=Fault("reset", "after"))
CLEAN = Outcome(POINT, delivered=True, ended="CancelledError", change=(0, 0), whole=(-1, 1))


def test_a_point_is_its_token_again() -> None:
    assert parse(POINT.token) == POINT
    assert parse(CUT.token) == CUT


def test_each_kind_is_explained() -> None:
    page = (Path(__file__).parents[2] / "docs/faults.md").read_text("utf-8")
    assert [kind for kind in KINDS if f"| `{kind}` |" not in page] == []


@pytest.mark.parametrize("token", ["a/b/c/cancel-ready/1+2", "a/b/c/cancel+cancel-ready/1"])
def test_a_pair_alone_has_two_numbers(token: str) -> None:
    with pytest.raises(CouldNotRun, match="no point"):
        parse(token)


def test_each_fault_has_a_token() -> None:
    points = [replace(POINT, fault=each, then=int(bool(each.second))) for each in faults()]
    assert [parse(each.token) for each in points] == points
    assert len({each.token for each in points}) == len(points) == 25


@pytest.mark.parametrize(
    ("seen", "broken"),
    [
        (CLEAN, set()),
        (replace(CLEAN, ended=""), {"stuck"}),
        (replace(CLEAN, waited=True), {"waiting"}),
        (replace(CLEAN, ended="", waited=True), {"stuck"}),
        (replace(CLEAN, ended="AssertionError"), {"swallowed"}),
        (replace(CLEAN, ended="done", change=(-1, 1)), {"swallowed"}),
        (replace(CLEAN, checked_out=1), {"checked out"}),
        (replace(CLEAN, states=["idle", "idle in transaction"]), {"open backend"}),
        (replace(CLEAN, states=["idle"]), set()),
        (replace(CLEAN, tasks=["place_order"]), {"leaked task"}),
        (replace(CLEAN, troubles=["ResourceWarning: unclosed"]), {"trouble"}),
        (replace(CLEAN, change=(-1, 0)), {"partly"}),
        (replace(CLEAN, change=(-2, 2)), {"partly"}),
        (replace(CLEAN, change=(-1, 1)), set()),
        (replace(CLEAN, retries=["DBAPIError: closed"]), {"unusable"}),
        (replace(CLEAN, orphans=1), {"orphan"}),
        (replace(CLEAN, point=CUT, ended="done"), {"lost"}),
        (replace(CLEAN, point=CUT, ended="done", change=(-1, 1)), set()),
        (replace(CLEAN, point=CUT, ended="DBAPIError", retries=["DBAPIError: closed"]), set()),
        (replace(CLEAN, point=CUT, ended="DBAPIError", retries=["", ""]), {"unusable"}),
    ],
)
def test_a_violation_is_named(seen: Outcome, broken: set[str]) -> None:
    assert set(seen.violations) == broken


def test_a_fault_that_was_not_delivered_is_no_pass() -> None:
    missed, once = replace(CLEAN, delivered=False), replace(CLEAN, once={"leaked task": "close"})
    report = Report([Cell("place_order", POINT.fault, (3, 3), [CLEAN, missed, once])])
    assert report.unresolved == [missed, once]
    assert "3 points: 0 violations, 0 by known defects, 2 unresolved" in summary(report)
    assert str(report).splitlines()[1:] == [
        f"{POINT.token}: unresolved: it was not delivered",
        f"{POINT.token}: unresolved: leaked task: close, and not again",
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
    seen = replace(CLEAN, label=label, states=["idle in transaction"])
    stack = {"sqlalchemy": sqlalchemy, "asyncpg": "0.32.0"}
    explained([Cell("add", POINT.fault, (3, 3), [seen])], stack)
    assert (seen.known == LISTENER_BEGINS.defect) is is_known


def test_a_commit_of_which_the_caller_saw_an_error_is_ambiguous() -> None:
    report = Report([Cell("add", POINT.fault, (2, 2), [CLEAN, replace(CLEAN, change=(-1, 1))])])
    assert len(report.ambiguous) == 1
    assert not report.violating


def test_a_cell_shows_counts_that_differ_and_points_that_were_left_out() -> None:
    assert Cell("add", POINT.fault, (8, 6), [CLEAN] * 8).shown == "6-8"
    assert Cell("bulk", CUT.fault, (2006, 2006), [CLEAN] * 40).shown == "40 of 2006"
    assert Cell("add", CUT.fault, (2, 2), [CLEAN, replace(CLEAN, orphans=1)]).shown == "2 !1"


def test_a_map_tells_verdicts_apart_by_marks_too() -> None:
    outcomes = [
        CLEAN,
        replace(CLEAN, orphans=1, known=NEVER_RETRIEVED.defect),
        replace(CLEAN, orphans=1),
        replace(CLEAN, change=(-1, 1)),
        replace(CLEAN, delivered=False),
    ]
    assert [verdict(each) for each in outcomes] == list(heatmap.LOOKS)
    for looks in zip(*heatmap.LOOKS.values(), strict=True):
        assert len(set(looks)) == len(heatmap.LOOKS)

    report = Report([Cell("place_order", POINT.fault, (5, 5), outcomes)])
    drawings = []
    for _ in range(2):
        figure = charts.new_figure(1, 1)
        heatmap.draw(figure, report, "five points")
        drawings.append(charts.svg_of(figure))
    assert drawings[0] == drawings[1]
    for text in ("place_order", "cancel-ready", "five points", *heatmap.MEANINGS.values()):
        assert f">{text}<" in drawings[0]
