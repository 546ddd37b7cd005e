"""Shorten SQL for people: count what repeats, and keep what distinguishes a statement.

SELECT <4 columns> FROM users WHERE id IN ($1, $2, <498 more>) FOR UPDATE SKIP LOCKED
"""

import re
from collections.abc import Callable
from itertools import groupby

from orm_async_tests.harness.report.phrasing import truncate

MOST_SHOWN = 3  # columns, rows of VALUES or members of IN that are written in full
LONGEST = 400  # characters; the middle of a longer statement is left out
CAST = re.compile(
    r"(?<=[\w)])::(?:(?:TIMESTAMP|TIME) WITH(?:OUT)? TIME ZONE|DOUBLE PRECISION|[A-Z]+)"
    r"(?:\(\d+(?:, ?\d+)?\))?(?:\[\])*"
)
SOURCE = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO) ([a-z_]\w*(?:\.\w+)*)(?: AS (\w+))?")
LISTS = re.compile(r"\b(SELECT|RETURNING) ((?:[^()]|\([^()]*\))*?)(?= FROM | INTO |\)|$)")
PLAIN = re.compile(r"(?:(\w+(?:\.\w+)*)\.)?\w+(?: AS \w+)?")
ROWS = re.compile(r"(VALUES \([^()]*\))((?:, \([^()]*\))+)")
MEMBERS = re.compile(r"\bIN \(([^()]*)\)")


def abridge(statement: str) -> str:
    """Return the statement without casts, repeated qualifiers and long lists."""
    text = CAST.sub("", statement)
    text = ROWS.sub(_rows, text)
    text = MEMBERS.sub(_members, text)
    text = LISTS.sub(_column_shortener(several=len(_sources(text)) > 1), text)
    return truncate(_unqualified(text), LONGEST)


def _sources(text: str) -> set[str]:
    """Return the names and aliases of the tables in a statement."""
    return {alias or table for table, alias in SOURCE.findall(text)}


def _unqualified(text: str) -> str:
    """Remove the table's name from columns if there is one table, else the schema's name.

    Keep the table's name after ON CONFLICT, where it distinguishes the existing row from the new
    one.
    """
    sources = _sources(text)
    is_only_table = len(sources) == 1 and " ON CONFLICT " not in text
    for table in sources:
        name = "" if is_only_table else f"{table.rpartition('.')[2]}."
        text = re.sub(rf"(?<![\w.]){re.escape(table)}\.(?=\w)", name, text)
    return text


def _rows(match: re.Match[str]) -> str:
    more = match[2].count("(")
    return match[0] if more <= MOST_SHOWN else f"{match[1]}, <{more} more rows>"


def _members(match: re.Match[str]) -> str:
    members = match[1].split(", ")
    if len(members) <= MOST_SHOWN:
        return match[0]
    return f"IN ({members[0]}, {members[1]}, <{len(members) - 2} more>)"


def _column_shortener(several: bool) -> Callable[[re.Match[str]], str]:
    """Return a replacement that counts runs of plain columns, by table if there are several."""

    def shorten(match: re.Match[str]) -> str:
        parts = []
        for table, run in groupby(match[2].split(", "), key=_table):
            columns = list(run)
            if table is None or len(columns) <= MOST_SHOWN:
                parts += columns
            else:
                of = f" of {table.rpartition('.')[2]}" if several and table else ""
                parts.append(f"<{len(columns)} columns{of}>")
        return f"{match[1]} {', '.join(parts)}"

    return shorten


def _table(column: str) -> str | None:
    """Return the qualifier of a plain column, or ""; None for any other expression."""
    match = PLAIN.fullmatch(column)
    return None if match is None else match[1] or ""
