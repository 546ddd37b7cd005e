"""Reads tables of recorded results from the pages in docs/ of a Git checkout.

A wheel does not contain docs/, but it contains data/recorded_tables.md, a copy of the Markdown
tables that the constant PACKAGED lists.
"""

import json
import re
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"
RECORDED = Path(__file__).parents[1] / "data/recorded_tables.md"  # by tools/generate.py
PACKAGED = (("poolers.md", "run"), ("poolers.md", "statements"), ("isolation.md", "table"))
SECTION = r"<!-- {}\b[^>]*-->\n(.*?)(?=<!-- |\Z)"
Table = list[list[str]]  # the first row is the head


def read_section(page: str, name: str) -> str:
    """Return the Markdown text after the comment `name` on a page of docs/, or "" if there is no
    such comment.
    """
    try:
        text = (DOCS / page if DOCS.exists() else RECORDED).read_text("utf-8")
    except OSError:
        return ""
    match = re.search(SECTION.format(re.escape(name)), text, re.DOTALL)
    return match[1].strip() if match else ""


def parse_table(markdown: str) -> Table:
    rows: Table = []
    for line in markdown.splitlines():
        if line.startswith("|"):
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif rows:
            break
    return [row for row in rows if set("".join(row)) - set("-: ")]


def read_ranges() -> dict[int, str]:
    """Map the number of a script to the SQLAlchemy releases on which the script holds."""
    try:
        document = json.loads((DOCS / "compat.json").read_text("utf-8"))
    except OSError:
        return {}
    return {number: row["holds"] for row in document["claims"]["rows"] for number in row["scripts"]}
