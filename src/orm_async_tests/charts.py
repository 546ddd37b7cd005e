"""Charts as SVG. Equal figures give equal files, so that a diff shows what changed."""

import io
from typing import TYPE_CHECKING

from orm_async_tests.errors import CouldNotRun, install_extra

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure; the size is in inches.

    Raises CouldNotRun if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise CouldNotRun(
            "a chart needs matplotlib, which is not installed",
            "this environment",
            install_extra("charts"),
        ) from None
    return Figure(figsize=(width, height), layout="constrained")


def render_svg(figure: "Figure") -> str:
    """Return a figure as the text of an SVG file, without the date."""
    from matplotlib import rc_context

    output = io.StringIO()
    # Keep text as text, so that it can be searched and read aloud; give elements stable ids.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "orm-async-tests"}):
        figure.savefig(output, format="svg", metadata={"Date": None})
    return output.getvalue()
