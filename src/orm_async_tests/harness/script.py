"""A numbered script, read once from its module."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from sqlalchemy.orm import DeclarativeBase

from orm_async_tests import models
from orm_async_tests.harness.needs import missing, needs_of
from orm_async_tests.harness.options import Option
from orm_async_tests.harness.playground import World, usual_world
from orm_async_tests.harness.stack import Stack
from orm_async_tests.harness.upstream import Upstream
from orm_async_tests.harness.ways import Way


@dataclass(frozen=True)
class Script:
    """A claim, the ways that show it, and the check that proves it."""

    number: int
    claim: str
    ways: tuple[Way, ...]
    check: Callable[..., None]
    options: tuple[Option, ...]
    since: str | None  # the SQLAlchemy that it is about
    only: str | None  # the driver that it is about
    defect: Upstream | None
    base: type[DeclarativeBase]
    world: World | None
    needs: frozenset[str]

    @classmethod
    def of(cls, module: ModuleType) -> Self:
        """Read a module in the form that CONTRIBUTING.md describes."""
        said = vars(module)
        ways = tuple(each for each in said.values() if isinstance(each, Way))
        return cls(
            number=_number(module),
            claim=(module.__doc__ or "").strip().splitlines()[0],
            ways=ways,
            check=said["check"],
            options=said.get("OPTIONS", ()),
            since=said.get("SINCE"),
            only=said.get("ONLY"),
            defect=said.get("DEFECT"),
            base=said.get("Base", models.Base),
            world=said.get("world", usual_world),
            needs=needs_of(module, ways),
        )

    @property
    def command(self) -> str:
        """Such as test5."""
        return f"test{self.number}"

    @property
    def defaults(self) -> dict[str, Any]:
        """The value of each option when nobody sets it."""
        return {option.name: option.parse(option.default) for option in self.options}

    def missing(self, stack: Stack, wire: bool) -> str:
        """Why it cannot run on this stack and what to type, or nothing."""
        if self.since and not _at_least(stack.sqlalchemy, self.since):
            have, want = stack.sqlalchemy, self.since
            return f"needs SQLAlchemy {want}, this is {have}: pip install 'sqlalchemy>={want}'"
        if self.only and stack.driver != self.only:
            return f"is about {self.only}, this is {stack.driver}: --driver {self.only}"
        return "; ".join(filter(None, (missing(need, wire) for need in sorted(self.needs))))


def _number(module: ModuleType) -> int:
    found = re.match(r"test(\d+)_", Path(module.__file__ or "").name)
    if found is None:
        raise ValueError(f"{module.__file__}: a script's name begins with test and its number")
    return int(found[1])


def _at_least(version: str, wanted: str) -> bool:
    from packaging.version import Version

    return Version(version) >= Version(wanted)
