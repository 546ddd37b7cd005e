"""The table of docs/profile.md: the counts by part."""

from collections.abc import Iterator
from pathlib import Path

from tests.profiles.counting import OTHER, PARTS, Counts, stack

PAGE = Path(__file__).parents[2] / "docs/profile.md"
BEGIN, END = "<!-- counts: written by nox -s profile -- --record -->\n", "<!-- /counts -->\n"
COLUMNS = (*dict.fromkeys(PARTS.values()), OTHER)


def write(counts: dict[str, Counts]) -> None:
    """Put them in the page."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    table = "".join(f"{line}\n" for line in lines(counts))
    PAGE.write_text(f"{before}{BEGIN}{table}{END}{rest.partition(END)[2]}", "utf-8")


def lines(counts: dict[str, Counts]) -> Iterator[str]:
    """The stack, and a row for each pattern."""
    yield f"{stack()}:"
    yield ""
    yield row("One more", "all", *COLUMNS)
    yield row("---", *["---:"] * (1 + len(COLUMNS)))
    for name, found in counts.items():
        cells = [found.total(), *(found[part] for part in COLUMNS)]
        yield row(name, *(f"{max(cell, 0):.0f}" for cell in cells))


def row(*cells: str) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"
