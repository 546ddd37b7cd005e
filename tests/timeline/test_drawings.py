"""Timelines as lanes, as SVG and as traces, drawn from example events."""

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from orm_async_tests.harness.report.line_notes import annotate_line
from orm_async_tests.timeline.event_list import Event, group_by_line
from orm_async_tests.timeline.sentences import describe_events
from orm_async_tests.timeline.svg_timeline import timeline_svg
from orm_async_tests.timeline.terminal_timeline import render_legend, render_timeline
from orm_async_tests.timeline.trace_file import build_trace

SVG = "{http://www.w3.org/2000/svg}"
SELECT = "SELECT '<script>' & 1"
EVENTS = [
    Event("task", 0, 9000, 1, text="main"),
    Event("task", 100, 6000, 2, text="Queue.work", line=9, error="DBAPIError"),
    Event("checkout", 100, 8000, 1, 1, 7001, line=10),
    Event("statement", 200, 5000, 1, 1, 7001, 10, SELECT, round_trips=3, begins=True),
    Event("pool", 300, 900, 2, line=11),
    Event("checkout", 1200, 4000, 2, 2, 7002, line=11),
    Event(
        "statement", 1300, 2000, 2, 2, 7002, 12, "UPDATE", "DBAPIError (SQLSTATE 40P01)", "deadlock"
    ),
    Event("lock", 1300, 2000, 2, 2, 7002, 12, "UPDATE", holders=(1,)),
    Event("busy", 2000, 100, 1, 2, 7002, 13, "SELECT", holders=(2,)),
    Event("rollback", 3500, 300, 2, 2, 7002, 14, "ROLLBACK", round_trips=1),
    Event("error", 9000, 0, 1, line=15, error="TimeoutError (code 3o7r)"),
]


@pytest.mark.parametrize("columns", [80, 120])
def test_lanes_tell_waits_apart_by_their_characters(columns: int) -> None:
    lines = [text for _, text in render_timeline(EVENTS, "returned 1", columns)]
    assert max(map(len, lines)) <= columns
    lanes = {line[4:28].strip(): set(line[28:]) for line in reversed(lines)}
    assert lanes["task 1 main"] >= set(".=w!")
    assert lanes["task 2 work"] >= set(".pLR!")
    assert "1" in lanes["connection 1"]
    assert lanes["connection 2"] >= set("2-R")
    assert max(len(text) for _, text in render_legend([EVENTS], columns)) <= columns


def test_a_statement_that_was_never_sent_has_an_error_but_no_bar() -> None:
    events = [
        Event("task", 0, 9000, 1, text="main"),
        Event("checkout", 100, 8000, 1, 1, 7001),
        Event("statement", 200, 500, 1, 1, 7001, 9, SELECT, "MissingGreenlet xd2s", unsent=True),
    ]
    lines = [text[29:] for _, text in render_timeline(events, "raised", 80)]
    assert set(lines[1]) == set(".!")
    assert set(lines[2].strip()) == {"-"}
    assert list(annotate_line(9, events, "")) == [("!", "MissingGreenlet xd2s", None)]
    errors = [{"line": 9, "statements": 0, "round_trips": 0, "errors": ["MissingGreenlet xd2s"]}]
    assert group_by_line(events) == errors
    pieces = json.loads(build_trace([("wrong one", events)]))["traceEvents"]
    assert [piece["ph"] for piece in pieces if piece.get("cat") == "statement"] == ["i"]


def test_sentences_name_the_line_the_wait_and_who_was_waited_for() -> None:
    assert [text for _, text in describe_events(EVENTS)] == [
        "line 11: task 2 waited 0.9 ms for a connection of the pool",
        "line 13: task 1 waited 0.1 ms for task 2's statement on connection 2",
        "line 12: task 2 waited 2.0 ms for a lock that task 1 holds on connection 1",
        "line 12: task 2 got DBAPIError (SQLSTATE 40P01) from UPDATE: deadlock",
        "line 15: task 1 ended with TimeoutError (code 3o7r)",
    ]


def test_a_sentence_ends_a_long_statement_after_a_word() -> None:
    text = "SELECT track_points.id, track_points.user_id FROM track_points"
    [(_, sentence)] = describe_events([Event("statement", 0, text=text, error="DBAPIError")])
    assert sentence == "got DBAPIError from SELECT track_points.id, [...]"


def test_the_legend_has_only_the_marks_of_the_drawings() -> None:
    entries = " ".join(text for _, text in render_legend([EVENTS[:4]], 80))
    assert "= statement" in entries
    assert "COMMIT" not in entries


def test_a_response_is_told_apart_from_the_commit_before_or_after_it() -> None:
    commit = Event("commit", 100, 50, 1, 1, 7001, 5, "COMMIT")
    for start, order in (
        (90, ["sent HTTP 200", "committed"]),
        (200, ["committed", "sent HTTP 200"]),
    ):
        response = Event("http", start, task=1, text="sent HTTP 200")
        texts = [text for _, text in describe_events([commit, response])]
        assert [text.partition("task 1 ")[2] for text in texts] == order
    assert describe_events([commit]) == []
    assert describe_events([Event("http", 5, text="the client disconnected")]) == [
        (5, "the client disconnected")
    ]


def test_equal_waits_are_counted_and_many_are_joined_over_the_tasks() -> None:
    waits = [
        Event("lock", 10 * number, 1000, 2 + number % 3, 2, 7002, 9, holders=(1,))
        for number in range(6)
    ]
    texts = [text for _, text in describe_events(waits)]
    assert len(texts) == 3
    assert texts[0] == (
        "line 9: task 2 waited 2 times, 2.0 ms in all, for a lock that connection 1 holds"
    )
    many = [Event("lock", n, 1000, 2 + n, 2, 7002, 9, holders=(n,)) for n in range(10)]
    [(_, text)] = describe_events(many)
    wait = "for a lock that another of these tasks holds"
    assert text == f"line 9: 10 tasks waited 10 times, 10.0 ms in all, {wait}"


def test_a_timeline_of_many_events_shows_all_of_them_and_counts_the_statements() -> None:
    events = [Event("statement", 10 * n, 5, 1, 1, text="SELECT 1") for n in range(500)]
    last = Event("rollback", 6000, 5, 1, 1, text="ROLLBACK")
    drawn = render_timeline([Event("task", 0, 6005, 1), *events, last], "returned 1", 80)
    lines = [text for _, text in drawn]
    assert any("several of the 502 events" in line for line in lines)
    assert any("task 1 sent 500 SELECT, 1 ROLLBACK" in line for line in lines)
    assert any(line.endswith("R") for line in lines if line.startswith("    connection 1"))
    assert lines[-1] == "    outcome:  returned 1"


def test_nothing_is_drawn_of_no_events() -> None:
    assert ElementTree.fromstring(timeline_svg([], "")).tag == f"{SVG}svg"
    assert [text for _, text in render_timeline([], "", 80)][1:] == []


def test_an_image_has_a_text_alternative_and_escapes_statements() -> None:
    image = timeline_svg(EVENTS, "raised <TimeoutError>")
    root = ElementTree.fromstring(image)
    assert root.findtext(f"{SVG}title")
    description = root.findtext(f"{SVG}desc") or ""
    assert (
        "Line 12: task 2 waited 2.0 ms for a lock that task 1 holds on connection 1." in description
    )
    assert description.endswith("The variant raised <TimeoutError>.")
    assert "<script>" not in image
    titles = [element.text or "" for element in root.iter(f"{SVG}title")]
    assert any(SELECT in title for title in titles)


def test_a_trace_has_a_slice_for_every_event_and_its_slices_nest() -> None:
    trace = json.loads(build_trace([("wrong one", EVENTS), ("right two", EVENTS)]))
    pieces: list[dict[str, Any]] = trace["traceEvents"]
    names = [piece["args"]["name"] for piece in pieces if piece["name"] == "process_name"]
    assert names == [
        f"{name}: {of}" for name in ("wrong one", "right two") for of in ("tasks", "connections")
    ]
    slices = [piece for piece in pieces if piece["ph"] == "X"]
    categories = [piece["cat"] for piece in slices]
    assert {name: categories.count(name) for name in ("lock", "pool", "busy", "statement")} == {
        "lock": 2,
        "pool": 2,
        "busy": 2,
        "statement": 8,  # on the tracks of the task and of the connection
    }
    assert sum(piece["ph"] == "s" for piece in pieces) == 2
    assert all(piece["dur"] >= 0 and piece["ts"] >= 0 for piece in slices)
    assert list(find_overlaps(slices)) == []


def find_overlaps(slices: list[dict[str, Any]]) -> Iterator[tuple[Any, Any]]:
    """Yield neighbors on a track that overlap, unless one contains the other."""
    tracks = {(piece["pid"], piece["tid"]) for piece in slices}
    for track in tracks:
        on_track = [piece for piece in slices if (piece["pid"], piece["tid"]) == track]
        for first, second in pairwise(on_track):
            end, inner = first["ts"] + first["dur"], second["ts"] + second["dur"]
            if second["ts"] < end < inner:
                yield first, second


def test_lines_count_what_they_sent_and_name_their_errors() -> None:
    lines = {line.pop("line"): line for line in group_by_line(EVENTS)}
    assert lines[10] == {"statements": 1, "round_trips": 3, "errors": []}
    assert lines[12]["errors"] == ["DBAPIError (SQLSTATE 40P01)"]
    assert lines[15] == {"statements": 0, "round_trips": 0, "errors": ["TimeoutError (code 3o7r)"]}
    assert 9 not in lines
