"""Charts as SVG: the same figures make the same file, so that a diff shows what changed."""

import io
from typing import TYPE_CHECKING

from orm_async_tests.errors import CouldNotRun, install_extra

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure, in inches; CouldNotRun without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise CouldNotRun(
            "a chart needs matplotlib, which is not installed",
            "this environment",
            install_extra("charts"),
        ) from None
    return Figure(figsize=(width, height), layout="constrained")


def svg_of(figure: "Figure") -> str:
    """The figure as the text of an SVG file, without the date."""
    from matplotlib import rc_context

    written = io.StringIO()
    # Text stays text, to be searched and read aloud; ids are the same in each run.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "orm-async-tests"}):
        figure.savefig(written, format="svg", metadata={"Date": None})
    return written.getvalue()
