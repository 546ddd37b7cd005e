"""Shortens a long statement, and keeps its important parts.

For example: `SELECT <4 columns> FROM users WHERE id IN ($1, $2, <498 more>) FOR UPDATE SKIP LOCKED`
"""

import re
from functools import partial
from itertools import groupby

from orm_async_tests.harness.report.phrasing import truncate

MAX_SHOWN = 3  # a list with more columns, rows or members is shortened
MAX_CHARACTERS = 400  # characters of a statement
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
    """Return a statement without casts, repeated table names or long lists."""
    text = CAST.sub("", statement)
    text = ROWS.sub(_shorten_rows, text)
    text = MEMBERS.sub(_shorten_members, text)
    tables = {alias or table for table, alias in SOURCE.findall(text)}
    text = LISTS.sub(partial(_shorten_columns, len(tables) > 1), text)
    # ON CONFLICT needs the table's name, which distinguishes the existing row from the new row.
    is_only_table = len(tables) == 1 and " ON CONFLICT " not in text
    for table in tables:
        name = "" if is_only_table else f"{table.rpartition('.')[2]}."
        text = re.sub(rf"(?<![\w.]){re.escape(table)}\.(?=\w)", name, text)
    return truncate(text, MAX_CHARACTERS)


def _shorten_rows(match: re.Match[str]) -> str:
    more = match[2].count("(")
    return match[0] if more <= MAX_SHOWN else f"{match[1]}, <{more} more rows>"


def _shorten_members(match: re.Match[str]) -> str:
    members = match[1].split(", ")
    if len(members) <= MAX_SHOWN:
        return match[0]
    return f"IN ({members[0]}, {members[1]}, <{len(members) - 2} more>)"


def _shorten_columns(several: bool, match: re.Match[str]) -> str:
    """Replace a long list of columns by its length, for example "<4 columns>"."""
    parts = []
    for table, run in groupby(match[2].split(", "), key=_table_of):
        columns = list(run)
        if table is None or len(columns) <= MAX_SHOWN:
            parts += columns
        else:
            of = f" of {table.rpartition('.')[2]}" if several and table else ""
            parts.append(f"<{len(columns)} columns{of}>")
    return f"{match[1]} {', '.join(parts)}"


def _table_of(column: str) -> str | None:
    """Return "users" for "users.id", "" for "id", and None for an expression."""
    match = PLAIN.fullmatch(column)
    return None if match is None else match[1] or ""
