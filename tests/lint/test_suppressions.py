"""Comments suppress findings, and an option reports unused comments."""

from pathlib import Path

import pytest

from tests.lint.lint_project import (
    CLOCK,
    CODE,
    MODEL,
    Lint,
    findings_of,
    write,
)

SWALLOWED = """\
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

async def save(session: AsyncSession) -> None:
    try:
        await session.execute(text("SELECT 1"))  # first
    except Exception:
        pass
    await session.commit()  # second
"""


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        f"# noqa: {CODE}",
        "# NOQA:E501,OAT6",
        "# oat: ignore",
        f"# oat: ignore[{CODE}] why",
    ],
)
def test_a_comment_suppresses_a_finding(lint: Lint, project: Path, comment: str) -> None:
    write(project / "app/models.py", MODEL.replace(f"({CLOCK})", f"({CLOCK})  {comment}"))
    assert findings_of(lint, "--warn-unused-ignores") == []


@pytest.mark.parametrize("comment", ["# noqa: E501", "# oat: ignore[OAT2]", "# no comment"])
def test_a_comment_about_something_else_suppresses_nothing(
    lint: Lint, project: Path, comment: str
) -> None:
    write(project / "app/models.py", MODEL.replace(f"({CLOCK})", f"({CLOCK})  {comment}"))
    assert len(findings_of(lint)) == 1


def test_both_places_of_a_finding_are_shown_and_can_suppress_it(lint: Lint, project: Path) -> None:
    write(project / "app/models.py", SWALLOWED)
    text = lint().stdout
    assert text.index("# first") < text.index("^^^") < text.index("# second") < text.rindex("^^^")
    [finding] = findings_of(lint)
    assert (finding["line"], finding["related"]["line"]) == (6, 9)
    for word in ("first", "second"):
        write(project / "app/models.py", SWALLOWED.replace(word, "noqa: OAT201"))
        assert findings_of(lint, "--warn-unused-ignores") == []


def test_a_comment_that_suppresses_nothing_is_reported_on_demand(lint: Lint, project: Path) -> None:
    lines = ["a = 1  # noqa", f"b = 1  # noqa: {CODE}, E501", 's = "# oat: ignore"']
    write(project / "app/models.py", "\n".join([*lines, "c = 1  # oat: ignore", ""]))
    assert findings_of(lint) == []
    unused = findings_of(lint, "--warn-unused-ignores")
    assert [(finding["code"], finding["line"]) for finding in unused] == [
        ("OAT001", 2),
        ("OAT001", 4),
    ]


@pytest.mark.parametrize("codes", ["OAT999", "swallowed-error", "SA201", ""])
def test_a_comment_without_a_known_code_is_reported_on_demand(
    lint: Lint, project: Path, codes: str
) -> None:
    write(project / "app/models.py", f"a = 1  # oat: ignore[{codes}]\n")
    [unused] = findings_of(lint, "--warn-unused-ignores")
    assert codes in unused["message"]
