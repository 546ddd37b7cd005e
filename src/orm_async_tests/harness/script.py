"""Reads a numbered script from its module."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from sqlalchemy.orm import DeclarativeBase

from orm_async_tests import models
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.definitions.stack import Stack
from orm_async_tests.harness.definitions.upstream import Upstream
from orm_async_tests.harness.definitions.variants import Option, Variant, select_arguments
from orm_async_tests.harness.environment.requirements import find_missing, read_needs
from orm_async_tests.harness.environment.script_database import Seed, default_seed
from orm_async_tests.harness.run.fixtures import FIXTURES
from orm_async_tests.stack_options import DRIVERS
from orm_async_tests.versions.ranges import within


@dataclass(frozen=True)
class Script:
    number: int
    claim: str
    prose: str  # the docstring below the claim
    variants: tuple[Variant, ...]
    check: Callable[..., None]
    options: tuple[Option, ...]
    since: str  # versions of SQLAlchemy, for example ">=2.1"; "" for all
    only: str  # a driver, for example "asyncpg>=0.31"; "" for all
    also: str  # "aiosqlite" if the claim holds on SQLite too, or ""
    defects: tuple[Upstream, ...]
    base: type[DeclarativeBase]
    seed: Seed | None
    requirements: frozenset[str]
    functions: frozenset[str]  # server functions that a role may be denied

    @classmethod
    def of(cls, module: ModuleType) -> Self:
        names = vars(module)
        base = names.get("Base", models.Base)
        file = module.__file__ or ""
        match = re.match(r"test(\d+)_", Path(file).name)
        variants = tuple(value for value in names.values() if isinstance(value, Variant))
        options = names.get("OPTIONS", ())
        if match is None or not module.__doc__ or "check" not in names:
            problem = "the file has no name of a script, no docstring or no function `check`"
            remedy = 'read the section "The form of a script" of CONTRIBUTING.md'
            raise CouldNotRun(problem, file, remedy)
        if base is not models.Base and base.metadata.schema is None:
            remedy = "give Base a MetaData(schema=...) named as the script"
            raise CouldNotRun("the tables of the script have no schema", file, remedy)
        _refuse_unknown_parameters(variants, names["check"], options)
        requirements, functions = read_needs(module, variants)
        claim, _, prose = module.__doc__.strip().partition("\n")
        return cls(
            number=int(match[1]),
            claim=claim,
            prose=prose.strip(),
            variants=variants,
            check=names["check"],
            options=options,
            since=re.sub(r"^(?=\d)", ">=", names.get("SINCE", "")),
            only=names.get("ONLY", ""),
            also=names.get("ALSO", ""),
            defects=tuple(value for value in names.values() if isinstance(value, Upstream)),
            base=base,
            seed=names.get("seed", default_seed),
            requirements=requirements,
            functions=functions,
        )

    @property
    def file(self) -> str:
        return self.check.__code__.co_filename

    @property
    def command(self) -> str:
        return f"test{self.number}"

    @property
    def defaults(self) -> dict[str, Any]:
        return {option.name: option.parse(option.default) for option in self.options}

    def explain_skip(self, stack: Stack, wire: bool) -> str:
        """Return why the script cannot run on this stack and what to type next, or ""."""
        missing = (find_missing(name, wire) for name in sorted(self.requirements))
        return self._not_applicable(stack) or "; ".join(map(str, filter(None, missing)))

    def _not_applicable(self, stack: Stack) -> str:
        if stack.driver not in (*DRIVERS, self.also):
            return f"needs PostgreSQL, this is {stack.driver}: --driver {DRIVERS[0]}"
        if self.only:
            from packaging.requirements import Requirement

            only = Requirement(self.only)
            if stack.driver != only.name:
                return f"needs {only.name}, this is {stack.driver}: --driver {only.name}"
            if not within(stack.driver_version, str(only.specifier)):
                return f"needs {only}, this is {stack.driver_version}: pip install '{only}'"
        if within(stack.sqlalchemy, self.since):
            return ""
        newest = self.since.rpartition(" or ")[2]
        remedy = f"pip install 'sqlalchemy{newest}'"
        return f"needs sqlalchemy {self.since}, this is {stack.sqlalchemy}: {remedy}"


def _refuse_unknown_parameters(
    variants: Collection[Variant], check: Callable[..., None], options: Collection[Option]
) -> None:
    named = dict.fromkeys(option.name for option in options)
    for variant in variants:
        select_arguments(variant.function, {**dict.fromkeys(FIXTURES), **named})
    observed = dict.fromkeys(variant.name for variant in variants)
    select_arguments(check, {**observed, **named, "stack": None})
