"""Draw a report as a map, with a row for every piece of work and fault, and a square per point.

Every square has a mark that repeats its color.
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
    classify,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, ROW, MARGIN = 11.0, 0.17, 1.2  # inches
SQUARE, MARK = 90.0, 32.0  # areas in square points
LOOKS = {  # color and mark; the colors are distinct for color-blind readers too
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
    """A row of the map: the name of a piece of work, or one of its cells."""

    text: str
    cell: Cell | None = None


def list_rows(report: Report) -> Iterator[Row]:
    """Yield the rows of the map from top to bottom."""
    for work in dict.fromkeys(cell.work for cell in report.cells):
        yield Row(work)
        for cell in report.cells:
            if cell.work == work:
                yield Row(str(cell.fault), cell)


def draw(figure: "Figure", report: Report, title: str) -> None:
    """Draw the map into an empty figure, and set the figure's size."""
    rows = list(list_rows(report))
    figure.set_size_inches(WIDTH, MARGIN + ROW * len(rows))
    axes = figure.add_subplot()
    points = [
        (classify(outcome), column, number)
        for number, row in enumerate(rows)
        for column, outcome in enumerate(row.cell.outcomes if row.cell else (), 1)
    ]
    for name in LOOKS:
        _draw_squares(axes, name, [(x, y) for verdict, x, y in points if verdict == name])
    _draw_labels(axes, rows)
    axes.set_xlim(0, max((column for _, column, _ in points), default=1) + 6)
    figure.suptitle(title, fontsize=9)
    _draw_legend(figure, axes)


def _draw_squares(axes: "Axes", name: str, positions: list[tuple[int, int]]) -> tuple[Any, Any]:
    """Draw the squares of a verdict with its mark, and return both artists for the legend."""
    color, mark = LOOKS[name]
    columns, rows = [column for column, _ in positions], [row for _, row in positions]
    square = axes.scatter(columns, rows, s=SQUARE, marker="s", color=color, linewidths=0)
    marks = axes.scatter(columns, rows, s=MARK, marker=mark, color="#202020", linewidths=0)
    return square, marks


def _draw_labels(axes: "Axes", rows: list[Row]) -> None:
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [row.text for row in rows], fontsize=7)
    for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_fontweight("normal" if row.cell else "bold")
    for number, row in enumerate(rows):
        if row.cell:
            end = len(row.cell.outcomes) + 0.8
            axes.text(end, number, str(row.cell), fontsize=6, va="center", color="#505050")
    axes.xaxis.set_ticks_position("top")
    axes.set_xlabel("points: suspensions or messages, in order", fontsize=8)
    axes.xaxis.set_label_position("top")
    axes.tick_params(length=0, labelsize=7)
    axes.spines[:].set_visible(False)


def _draw_legend(figure: "Figure", axes: "Axes") -> None:
    from matplotlib.legend_handler import HandlerTuple

    handles: list[Any] = [_draw_squares(axes, name, []) for name in LOOKS]  # pairs of artists
    figure.legend(
        handles,
        MEANINGS.values(),
        handler_map={tuple: HandlerTuple(ndivide=1)},
        loc="outside lower center",
        ncols=len(LOOKS),
        fontsize=8,
        frameon=False,
    )
