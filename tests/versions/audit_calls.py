"""Calls of `orm-async-tests audit`, and what its tests share."""

from collections.abc import Callable
from pathlib import Path

from orm_async_tests.versions import pins
from orm_async_tests.versions.defect_catalogue import load_known_defects, match_defects
from tests.cli.commands import Done

ROOT = Path(__file__).parent.parent.parent
LOCKS = Path(__file__).parent / "locks"  # the lock files omit most of the packages' files
Audit = Callable[..., Done]
CURES = {"DEAD_IN_THE_POOL": "2.1.5", "test190.DEFECT": "2.1.6", "CANCEL_IS_LOGGED": "2.1.9"}
BASE = "sqlalchemy==2.0.40\nasyncpg==0.30.0\n"
DEFECTS = load_known_defects()  # reading every script takes a second


def names_of_defects(**versions: str) -> set[str]:
    """Return the names of the defects that affect these versions."""
    installed = [pins.Pin(library, version) for library, version in versions.items()]
    return {match.defect.name for match in match_defects(DEFECTS, installed)}


def write(folder: Path, name: str, text: str) -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.write_text(text, "utf-8")
    return path
