"""A numbered script, read once from its module."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from sqlalchemy.orm import DeclarativeBase

from orm_async_tests import models
from orm_async_tests.db import DRIVERS
from orm_async_tests.harness.definitions.options import Option
from orm_async_tests.harness.definitions.stack import Stack
from orm_async_tests.harness.definitions.upstream import Upstream
from orm_async_tests.harness.definitions.variants import Variant
from orm_async_tests.harness.environment.privileges import functions_of
from orm_async_tests.harness.environment.requirements import missing, needs_of
from orm_async_tests.harness.environment.script_database import World, usual_world
from orm_async_tests.versions.ranges import within


@dataclass(frozen=True)
class Script:
    """A claim, the variants that show it, and the check that proves it."""

    number: int
    claim: str
    variants: tuple[Variant, ...]
    check: Callable[..., None]
    options: tuple[Option, ...]
    since: str  # the versions of SQLAlchemy that it is about, such as >=2.1; "" for all
    only: str  # the driver that it is about, such as asyncpg>=0.31; "" for both
    also: str  # a driver of another database on which it holds as well: aiosqlite, or ""
    defects: tuple[Upstream, ...]
    base: type[DeclarativeBase]
    world: World | None
    needs: frozenset[str]
    functions: frozenset[str]  # of the server, which a role may be denied

    @classmethod
    def of(cls, module: ModuleType) -> Self:
        """Read a module in the form that CONTRIBUTING.md describes."""
        said = vars(module)
        variants = tuple(each for each in said.values() if isinstance(each, Variant))
        return cls(
            number=_number(module),
            claim=(module.__doc__ or "").strip().splitlines()[0],
            variants=variants,
            check=said["check"],
            options=said.get("OPTIONS", ()),
            since=re.sub(r"^(?=\d)", ">=", said.get("SINCE", "")),
            only=said.get("ONLY", ""),
            also=said.get("ALSO", ""),
            defects=tuple(each for each in said.values() if isinstance(each, Upstream)),
            base=said.get("Base", models.Base),
            world=said.get("world", usual_world),
            needs=needs_of(module, variants),
            functions=functions_of(module),
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
        needs = (missing(need, wire) for need in sorted(self.needs))
        return self._outside(stack) or "; ".join(filter(None, needs))

    def _outside(self, stack: Stack) -> str:
        """Which version or driver it is not about, or nothing."""
        only, since = self.only, self.since
        if stack.driver not in (*DRIVERS, self.also):
            return f"is about PostgreSQL, this is {stack.driver}: --driver {DRIVERS[0]}"
        driver = only.rstrip("<>=!~,.0123456789")
        if only and stack.driver != driver:
            return f"is about {driver}, this is {stack.driver}: --driver {driver}"
        if only and not within(stack.driver_version, only.removeprefix(driver)):
            return f"needs {only}, this is {stack.driver_version}: pip install '{only}'"
        if within(stack.sqlalchemy, since):
            return ""
        newest, have = since.rpartition(" or ")[2], stack.sqlalchemy
        return f"needs sqlalchemy {since}, this is {have}: pip install 'sqlalchemy{newest}'"


def _number(module: ModuleType) -> int:
    found = re.match(r"test(\d+)_", Path(module.__file__ or "").name)
    if found is None:
        raise ValueError(f"{module.__file__}: a script's name begins with test and its number")
    return int(found[1])
