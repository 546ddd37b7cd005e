"""Helpers that write a project with one finding, and check it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.commands import Done

CLOCK = "default=datetime.now(UTC)"
MODEL = f"""\
from datetime import UTC, datetime
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Row(Base):
    __tablename__ = "row"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column({CLOCK})
"""
LINE, COLUMN = 10, 50
CODE = "OAT601"
Lint = Callable[..., Done]


def write(path: Path, text: str) -> Path:
    """Write a file, and create its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def set_up(project: Path, settings: str) -> None:
    """Write settings for the checker."""
    write(project / "pyproject.toml", f"[tool.orm-async-tests.lint]\n{settings}\n")


def findings_of(lint: Lint, *arguments: str) -> list[dict[str, Any]]:
    """Return the findings of a run."""
    document: dict[str, Any] = json.loads(lint("--format", "json", *arguments).stdout)
    return list(document["findings"])


def paths_of(lint: Lint, *arguments: str) -> list[str]:
    """Return the files that have findings."""
    return [finding["path"] for finding in findings_of(lint, *arguments)]
