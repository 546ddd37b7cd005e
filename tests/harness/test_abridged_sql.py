"""Shortening statements: which parts are omitted, and which parts always stay."""

import pytest

from orm_async_tests.harness.report.abridged_sql import MAX_CHARACTERS, abridge

COLUMNS = "t.a, t.b, t.c, t.d"

CASES = {
    "a short statement stays as it is": ("SELECT 1", "SELECT 1"),
    "casts go": (
        "UPDATE t SET a=$1::INTEGER, b=$2::TIMESTAMP WITH TIME ZONE, c=$3::VARCHAR(20)[]",
        "UPDATE t SET a=$1, b=$2, c=$3",
    ),
    "psycopg's casts go": ("SELECT %(id_1)s::INTEGER", "SELECT %(id_1)s"),
    "the only table is not repeated": (
        "SELECT s.t.a FROM s.t WHERE s.t.a = $1 ORDER BY s.t.a",
        "SELECT a FROM s.t WHERE a = $1 ORDER BY a",
    ),
    "with several tables a column keeps its table's name, but not the schema's": (
        "SELECT s.t.a FROM s.t JOIN u ON s.t.a = u.a",
        "SELECT t.a FROM s.t JOIN u ON t.a = u.a",
    ),
    "three columns stay": ("SELECT t.a, t.b, t.c FROM t", "SELECT a, b, c FROM t"),
    "four are counted": (f"SELECT {COLUMNS} FROM t", "SELECT <4 columns> FROM t"),
    "with several tables, columns are counted per table": (
        f"SELECT {COLUMNS}, u.a FROM t JOIN u ON t.a = u.a",
        "SELECT <4 columns of t>, u.a FROM t JOIN u ON t.a = u.a",
    ),
    "an expression is no column": (
        f"SELECT {COLUMNS}, count(*) AS n FROM t",
        "SELECT <4 columns>, count(*) AS n FROM t",
    ),
    "returned columns are counted": (
        f"INSERT INTO t (a) VALUES ($1) RETURNING {COLUMNS}",
        "INSERT INTO t (a) VALUES ($1) RETURNING <4 columns>",
    ),
    "rows are counted": (
        "INSERT INTO t (a) VALUES ($1), ($2), ($3), ($4), ($5) RETURNING t.a",
        "INSERT INTO t (a) VALUES ($1), <4 more rows> RETURNING a",
    ),
    "the members of IN are counted": (
        "SELECT t.a FROM t WHERE t.a IN ($1, $2, $3, $4) FOR UPDATE SKIP LOCKED",
        "SELECT a FROM t WHERE a IN ($1, $2, <2 more>) FOR UPDATE SKIP LOCKED",
    ),
    "a conflict's columns keep their table": (
        "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET n = (t.n + $2)",
        "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET n = (t.n + $2)",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_in_a_statement(case: str) -> None:
    statement, shown = CASES[case]
    assert abridge(statement) == shown


def test_a_very_long_statement_keeps_its_beginning_and_its_end() -> None:
    shown = abridge(f"SELECT {' + '.join('abcdef' for _ in range(200))} FROM t FOR UPDATE")
    assert len(shown) <= MAX_CHARACTERS
    assert shown.startswith("SELECT abcdef")
    assert shown.endswith("FOR UPDATE")
