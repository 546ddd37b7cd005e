"""The points of a report as a map: a row for each piece of work and fault, a square for a point.

Each square has a mark beside its colour, so that it can be read without colours.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orm_async_tests.faults.report import (
    AMBIGUOUS,
    KNOWN,
    PASS,
    UNRESOLVED,
    VIOLATION,
    Cell,
    Report,
    verdict,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, ROW, MARGIN = 11.0, 0.17, 1.2  # inches
SQUARE, MARK = 90.0, 32.0  # areas, in points squared
LOOKS = {  # colour and mark; the colours are told apart by the colour-blind, too
    PASS: ("#cfe5d6", ""),
    KNOWN: ("#f2cf63", r"$\mathtt{=}$"),
    VIOLATION: ("#d55e00", r"$\mathbf{!}$"),
    AMBIGUOUS: ("#86bce6", r"$\sim$"),
    UNRESOLVED: ("#c4c4c4", "$?$"),
}
MEANINGS = {
    PASS: "survived",
    KNOWN: "a known defect",
    VIOLATION: "violation",
    AMBIGUOUS: "commit is ambiguous",
    UNRESOLVED: "unresolved",
}


@dataclass(frozen=True)
class Row:
    """A line of the map: the name of a piece of work, or a cell below it."""

    text: str
    cell: Cell | None = None


def rows(report: Report) -> Iterator[Row]:
    """From top to bottom."""
    for work in dict.fromkeys(cell.work for cell in report.cells):
        yield Row(work)
        for cell in report.cells:
            if cell.work == work:
                yield Row(str(cell.fault), cell)


def draw(figure: "Figure", report: Report, title: str) -> None:
    """Draw the map into an empty figure, which takes its size."""
    lines = list(rows(report))
    figure.set_size_inches(WIDTH, MARGIN + ROW * len(lines))
    axes = figure.add_subplot()
    points = [
        (verdict(seen), column, row)
        for row, line in enumerate(lines)
        for column, seen in enumerate(line.cell.outcomes if line.cell else (), 1)
    ]
    for name in LOOKS:
        there = [(column, row) for each, column, row in points if each == name]
        _squares(axes, name, there)
    _label(axes, lines)
    most = max((column for _, column, _ in points), default=1)
    axes.set_xlim(0, most + 6)
    figure.suptitle(title, fontsize=9)
    _legend(figure, axes)


def _squares(axes: "Axes", name: str, at: list[tuple[int, int]]) -> tuple[Any, Any]:
    """Squares with the mark of a verdict; their artists, for a legend."""
    colour, mark = LOOKS[name]
    columns, lines = [column for column, _ in at], [line for _, line in at]
    square = axes.scatter(columns, lines, s=SQUARE, marker="s", color=colour, linewidths=0)
    marks = axes.scatter(columns, lines, s=MARK, marker=mark, color="#202020", linewidths=0)
    return square, marks


def _label(axes: "Axes", lines: list[Row]) -> None:
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_yticks(range(len(lines)), [line.text for line in lines], fontsize=7)
    for tick, line in zip(axes.get_yticklabels(), lines, strict=True):
        tick.set_fontweight("normal" if line.cell else "bold")
    for row, line in enumerate(lines):
        if line.cell:
            end = len(line.cell.outcomes) + 0.8
            axes.text(end, row, line.cell.shown, fontsize=6, va="center", color="#505050")
    axes.xaxis.set_ticks_position("top")
    axes.set_xlabel("points: suspensions or messages, in their order", fontsize=8)
    axes.xaxis.set_label_position("top")
    axes.tick_params(length=0, labelsize=7)
    axes.spines[:].set_visible(False)


def _legend(figure: "Figure", axes: "Axes") -> None:
    from matplotlib.legend_handler import HandlerTuple

    handles: list[Any] = [_squares(axes, name, []) for name in LOOKS]  # pairs are allowed, too
    figure.legend(
        handles,
        MEANINGS.values(),
        handler_map={tuple: HandlerTuple(ndivide=1)},
        loc="outside lower center",
        ncols=len(LOOKS),
        fontsize=8,
        frameon=False,
    )
