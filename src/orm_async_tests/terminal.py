"""Prints text on a terminal, with styles, tables, progress bars and highlighted code."""

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

Styled = tuple[str, str]  # a style of Rich, and the text
WIDTH, MIN_WIDTH = 100, 60  # columns: without a terminal, and the minimum


def print_styled(lines: Iterable[Styled]) -> None:
    """Print lines, with styles if standard output is a terminal."""
    if not sys.stdout.isatty():
        for _, text in lines:
            print(text)
        return
    from rich.console import Console

    console = Console(highlight=False)  # obeys NO_COLOR
    for style, text in lines:
        console.print(text, style=style, markup=False, soft_wrap=True)


def detect_width() -> int:
    if not sys.stdout.isatty():
        return WIDTH
    return max(shutil.get_terminal_size((WIDTH, 0)).columns, MIN_WIDTH)


def render_table(rows: Sequence[Sequence[str]]) -> Iterator[Styled]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "dim" if number else "bold", "  ".join(cells).rstrip()


def render_markdown(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield f"| {' | '.join(row)} |"
        if number == 0:
            yield f"|{' --- |' * len(row)}"


@contextmanager
def show_progress(
    label: str, total: int, *, is_hidden: bool = False
) -> Iterator[tuple[Callable[[str], None], Callable[[str], None]]]:
    """Show a progress bar on standard error if it is a terminal.

    Yield a function that prints a line above the bar, and a function that advances the bar.
    """
    if is_hidden or not sys.stderr.isatty():
        yield lambda text: print(text, file=sys.stderr), lambda _: None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    console = Console(stderr=True, highlight=False)
    columns = *Progress.get_default_columns(), MofNCompleteColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield (
            lambda text: console.print(text, markup=False, soft_wrap=True),
            lambda label: bar.update(task, description=label, advance=1),
        )


def print_python(source: str) -> None:
    """Print Python code, highlighted if standard output is a terminal."""
    if not sys.stdout.isatty():
        print(source)
        return
    from rich.console import Console
    from rich.syntax import Syntax

    # This theme uses the terminal's palette, which suits a dark or a light background.
    highlighted = Syntax("", "python", theme="ansi_light", background_color="default")
    Console().print(highlighted.highlight(source), soft_wrap=True)  # so that you can copy lines
