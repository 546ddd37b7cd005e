"""Which stacks a matrix has: presets, and the product of what is asked for."""

import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from orm_async_tests.errors import CouldNotRun

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Plan:
    """A stack to be run. What is "" is as it is installed here.

    python: such as 3.12. A library's version is one release (2.1.4) or the newest of a line (2.0).
    server: binaries as in ORM_ASYNC_PG_BIN, or a URL; "" is the embedded server.
    """

    driver: str = "asyncpg"
    loop: str = "asyncio"
    pooler: str = ""
    python: str = HERE
    sqlalchemy: str = ""
    asyncpg: str = ""
    psycopg: str = ""
    aiosqlite: str = ""
    server: str = ""

    @property
    def pins(self) -> dict[str, str]:
        """The libraries whose versions are not those that are installed here."""
        pins = {"sqlalchemy": self.sqlalchemy, self.driver: getattr(self, self.driver)}
        return {library: version for library, version in pins.items() if version}

    @property
    def options(self) -> tuple[str, ...]:
        """What a run of it is told on the command line."""
        return ("--driver", self.driver, "--loop", self.loop, "--pooler", self.pooler)

    @property
    def command(self) -> str:
        """The command by which its releases, where they are installed, run the same."""
        server = f"{self.variable}={without_password(self.server)} " if self.server else ""
        return f"{server}orm-async-tests run {shlex.join(self.options)}"

    @property
    def variable(self) -> str:
        """The variable of the environment that names its server."""
        return "DATABASE_URL" if self.server.startswith("postgres") else "ORM_ASYNC_PG_BIN"

    @property
    def name(self) -> str:
        """Such as "python 3.11, sqlalchemy 2.0, psycopg, uvloop"."""
        libraries = [f"sqlalchemy {self.sqlalchemy}"] if self.sqlalchemy else []
        libraries += [f"{self.driver} {getattr(self, self.driver)}".strip()]
        loop = [self.loop] if self.loop != "asyncio" else []
        pooler = [f"PgBouncer {self.pooler}"] if self.pooler else []
        server = [without_password(self.server)] if self.server else []
        return ", ".join([f"python {self.python}", *libraries, *loop, *pooler, *server])


QUICK = (Plan(), Plan(driver="psycopg"), Plan(sqlalchemy="2.0"))
STANDARD = (
    *QUICK,
    Plan(driver="psycopg", sqlalchemy="2.0"),
    Plan(loop="uvloop"),
    Plan(driver="psycopg", loop="uvloop"),
    Plan(pooler="session"),
    Plan(driver="psycopg", pooler="session"),
    Plan(pooler="transaction"),
    Plan(driver="psycopg", pooler="transaction"),
)


def without_password(text: str) -> str:
    """The text without the user and the password of a URL."""
    return re.sub(r"//[^/@\s]*@", "//***@", text)


def full(pythons: Sequence[str]) -> tuple[Plan, ...]:
    """Each stack of the standard preset, and each Python with both lines and drivers."""
    more = [
        Plan(python=python, driver=driver, sqlalchemy=line)
        for python, driver, line in product(pythons, ("asyncpg", "psycopg"), ("", "2.0"))
    ]
    unprepared = replace(STANDARD[0], pooler="transaction-unprepared")
    return tuple(dict.fromkeys([*STANDARD, unprepared, *more]))


def product_of(axes: dict[str, list[str]]) -> tuple[Plan, ...]:
    """Every combination of the values that are given for the fields of a plan, each stack once."""
    given = {name: values for name, values in axes.items() if values}
    plans = [Plan(**dict(zip(given, values, strict=True))) for values in product(*given.values())]
    return tuple({plan.name: plan for plan in plans}.values())


def shard(plans: Sequence[Plan], part: str) -> tuple[Plan, ...]:
    """The plans of one part, such as "1/3". Raises CouldNotRun for anything else."""
    number, _, of = part.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise CouldNotRun(f"{part!r} is not a part of the stacks", "--shard", "--shard 1/3")
    return tuple(plans[int(number) - 1 :: int(of)])
