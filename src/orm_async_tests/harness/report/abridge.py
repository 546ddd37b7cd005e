"""SQL for people: what repeats in a statement is counted, what tells it apart stays.

SELECT <4 columns> FROM users WHERE id IN ($1, $2, <498 more>) FOR UPDATE SKIP LOCKED
"""

import re
from collections.abc import Callable
from itertools import groupby

from orm_async_tests.harness.report.phrasing import clipped

FEW = 3  # plain columns, rows of VALUES or members of IN that are written out
LONGEST = 400  # characters: of what is longer (SQLAlchemy's reflection) the middle goes
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
    """The statement without casts, repeated qualifiers and long lists."""
    text = CAST.sub("", statement)
    text = ROWS.sub(_rows, text)
    text = MEMBERS.sub(_members, text)
    text = LISTS.sub(_columns(several=len(_sources(text)) > 1), text)
    return clipped(_unqualified(text), LONGEST)


def _sources(text: str) -> set[str]:
    """The names by which a statement calls its tables."""
    return {alias or table for table, alias in SOURCE.findall(text)}


def _unqualified(text: str) -> str:
    """Columns without their only table's name, or without its schema's.

    After ON CONFLICT the name tells the row that is there from the new one, and stays.
    """
    sources = _sources(text)
    alone = len(sources) == 1 and " ON CONFLICT " not in text
    for table in sources:
        name = "" if alone else f"{table.rpartition('.')[2]}."
        text = re.sub(rf"(?<![\w.]){re.escape(table)}\.(?=\w)", name, text)
    return text


def _rows(found: re.Match[str]) -> str:
    more = found[2].count("(")
    return found[0] if more <= FEW else f"{found[1]}, <{more} more rows>"


def _members(found: re.Match[str]) -> str:
    members = found[1].split(", ")
    if len(members) <= FEW:
        return found[0]
    return f"IN ({members[0]}, {members[1]}, <{len(members) - 2} more>)"


def _columns(several: bool) -> Callable[[re.Match[str]], str]:
    """Replaces runs of plain columns by their number and, of several tables, whose they are."""

    def counted(found: re.Match[str]) -> str:
        written = []
        for table, run in groupby(found[2].split(", "), key=_table):
            columns = list(run)
            if table is None or len(columns) <= FEW:
                written += columns
            else:
                of = f" of {table.rpartition('.')[2]}" if several and table else ""
                written.append(f"<{len(columns)} columns{of}>")
        return f"{found[1]} {', '.join(written)}"

    return counted


def _table(column: str) -> str | None:
    """The qualifier of a plain column, "" if it has none; None for any other expression."""
    found = PLAIN.fullmatch(column)
    return None if found is None else found[1] or ""
