"""Plans which stacks (combinations of versions and servers) a matrix runs."""

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from orm_async_tests.errors import CouldNotRun

THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Plan:
    """A stack (a combination of versions and servers) that a matrix will run. An empty field means
    the version or the server of the current environment.

    `python` is a minor version, for example "3.12". A library's version is a release such as
    "2.1.4". A minor version such as "2.0" means its newest release. `server` is a URL, a folder
    with PostgreSQL's programs, or "system", as in ORM_ASYNC_PG_BIN. If `server` is empty, the stack
    uses the embedded server.
    """

    driver: str = "asyncpg"
    loop: str = "asyncio"
    pooler: str = ""
    python: str = THIS_PYTHON
    sqlalchemy: str = ""
    asyncpg: str = ""
    psycopg: str = ""
    aiosqlite: str = ""
    server: str = ""

    @property
    def pins(self) -> dict[str, str]:
        """The library versions that differ from the installed ones."""
        pins = {"sqlalchemy": self.sqlalchemy, self.driver: getattr(self, self.driver)}
        return {library: version for library, version in pins.items() if version}

    @property
    def options(self) -> tuple[str, ...]:
        return ("--driver", self.driver, "--loop", self.loop, "--pooler", self.pooler)

    @property
    def command(self) -> str:
        """The command that runs scripts on this stack, once the releases are installed."""
        server = f"{self.variable}={hide_password(self.server)} " if self.server else ""
        return f"{server}orm-async-tests run {shlex.join(self.options)}"

    @property
    def variable(self) -> str:
        return "DATABASE_URL" if self.server.startswith("postgres") else "ORM_ASYNC_PG_BIN"

    @property
    def name(self) -> str:
        """The stack's name, for example "python 3.11, sqlalchemy 2.0, psycopg, uvloop"."""
        libraries = [f"sqlalchemy {self.sqlalchemy}"] if self.sqlalchemy else []
        libraries += [f"{self.driver} {getattr(self, self.driver)}".strip()]
        loop = [self.loop] if self.loop != "asyncio" else []
        pooler = [f"PgBouncer {self.pooler}"] if self.pooler else []
        server = [hide_password(self.server)] if self.server else []
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


def hide_password(text: str) -> str:
    """Return a text without the users and passwords in its URLs."""
    text = re.sub(r"//[^/@\s]*@", "//***@", text)
    return re.sub(r"([?&](?:ssl)?password=)[^&\s]*", r"\1***", text)


def full_preset(pythons: Sequence[str]) -> tuple[Plan, ...]:
    """Return the standard preset, and for each Python both drivers with SQLAlchemy 2.0 and 2.1."""
    more = [
        Plan(python=python, driver=driver, sqlalchemy=line)
        for python, driver, line in product(pythons, ("asyncpg", "psycopg"), ("", "2.0"))
    ]
    unprepared = replace(STANDARD[0], pooler="transaction-unprepared")
    return tuple(dict.fromkeys([*STANDARD, unprepared, *more]))


def combine(axes: Mapping[str, Sequence[str]]) -> tuple[Plan, ...]:
    """Return a plan for every combination of the axes' values, without duplicates.

    An axis has the name of a field of `Plan`. If an axis has no values, every plan has the field's
    default value.
    """
    used = {name: values for name, values in axes.items() if values}
    plans = [Plan(**dict(zip(used, values, strict=True))) for values in product(*used.values())]
    return tuple({plan.name: plan for plan in plans}.values())


def take_shard(plans: Sequence[Plan], part: str) -> tuple[Plan, ...]:
    """Return the plans that belong to one part of the matrix, for example "1/3".

    Raise CouldNotRun if `text` has another form.
    """
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", part)
    number, total = map(int, match.groups()) if match else (0, 0)
    if not 1 <= number <= total:
        raise CouldNotRun(f"{part!r} is not a part of the stacks", "--shard", "--shard 1/3")
    return tuple(plans[number - 1 :: total])
