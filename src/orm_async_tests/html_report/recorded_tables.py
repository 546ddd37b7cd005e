"""Reads tables of recorded results from the pages in docs/.

A wheel lacks docs/, but contains copies of the tables in data/recorded_tables.md.
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
    """Return the section after the comment `name` on a page, or "" if there is none."""
    text = (DOCS / page if DOCS.exists() else RECORDED).read_text("utf-8")
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
    """Return the SQLAlchemy releases on which each script holds, by script number.

    A wheel lacks these ranges.
    """
    if not DOCS.exists():
        return {}
    document = json.loads((DOCS / "compat.json").read_text("utf-8"))
    return {number: row["holds"] for row in document["claims"]["rows"] for number in row["scripts"]}
