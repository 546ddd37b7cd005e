"""Command-line options that choose what is shown of a result: the code, a timeline, a trace."""

import argparse
from pathlib import Path


def add_views(parser: argparse.ArgumentParser) -> None:
    """Add --code, --timeline and --trace."""
    code = "print the code of every variant with the SQL, the waits and the errors of its lines"
    parser.add_argument("--code", action="store_true", help=code)
    timeline = "draw when tasks and connections worked, and what they waited for"
    parser.add_argument("--timeline", action="store_true", help=timeline)
    trace = "write what tasks and connections did as a trace, which https://ui.perfetto.dev opens"
    parser.add_argument("--trace", type=Path, metavar="FILE", help=trace)
