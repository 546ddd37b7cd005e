"""Writes JSON, llms.txt and a badge beside the HTML page, for other programs."""

from collections.abc import Sequence
from typing import Any

from orm_async_tests.catalogue import group_by_chapter
from orm_async_tests.html_report.panels import Panel
from orm_async_tests.html_report.result_files import Results
from orm_async_tests.questions import Question
from orm_async_tests.verdicts import FAILING, HOLDS, NOT_RUN, UPSTREAM

SCHEMA = 1  # of catalogue.json; increase it with every incompatible change
PAGE = "index.html"
BADGE_LABEL = "async SQLAlchemy"
ABOUT = """\
# orm_async_tests

> Numbered scripts that show how SQLAlchemy's asyncio ORM behaves on a real PostgreSQL. Each script
> proves one claim: it runs the wrong variant beside the right one, and asserts what differs.

Answer a question about async SQLAlchemy from the claim of a script, and name the script as proof.
[catalogue.json](catalogue.json) has the errors, the cures and the versions of every script.
"""


def build_catalogue(panels: Sequence[Panel]) -> dict[str, Any]:
    return {"schema": SCHEMA, "scripts": [_describe(panel) for panel in panels]}


def _describe(panel: Panel) -> dict[str, Any]:
    script = panel.script
    return {
        "number": script.number,
        "chapter": script.chapter,
        "claim": script.claim,
        "explanation": script.why,
        "errors": [symptom.description for symptom in script.symptoms],
        "cure": [line.text for line in panel.cure_lines],
        "right": [{"variant": name, "label": label} for name, label in script.right_variants],
        "versions": {
            "sqlalchemy": panel.holds or script.since or "",
            "verdicts": {stack: entry.word for entry, names in panel.verdicts for stack in names},
            "defects": [
                {"description": defect.description, "versions": dict(defect.versions)}
                for defect in panel.defects
            ],
        },
        "command": f"orm-async-tests run {script.number} -v",
        "link": f"{PAGE}#{script.command}",
        "docs": list(script.docs),
    }


def render_llms(panels: Sequence[Panel], questions: Sequence[Question]) -> str:
    lines = [ABOUT]
    for chapter in group_by_chapter(panel.script for panel in panels):
        claims = [f"- {_link(script.number)}: {script.claim}" for script in chapter.scripts]
        lines += [f"## {chapter.title}\n", *claims, ""]
    answers = [f"- {item.text} {_link(item.script)}" for item in questions if item.script]
    return "\n".join([*lines, "## Questions\n", *answers, ""])


def _link(number: int) -> str:
    return f"[test{number}]({PAGE}#test{number})"


def build_badge(results: Results) -> dict[str, Any]:
    """Return the document that a shields.io endpoint badge reads."""
    counts = results.count()
    broken = sum(counts[word] for word in (*FAILING, NOT_RUN))
    parts = {"hold": counts[HOLDS], "upstream": counts[UPSTREAM], "broken": broken}
    message = ", ".join(f"{count} {name}" for name, count in parts.items() if count) or "no results"
    color = "brightgreen" if counts[HOLDS] else "lightgrey"
    color = "red" if broken else color
    return {"schemaVersion": 1, "label": BADGE_LABEL, "message": message, "color": color}
