"""Plans the stacks of a matrix."""

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from orm_async_tests.errors import CouldNotRun

PYTHON_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Plan:
    """A stack on which a matrix will run scripts.

    A field such as `sqlalchemy` contains a release, for example "2.1.4". The text "2.1" means the
    newest release of 2.1. If the field of a library is empty, the stack uses the installed version.
    """

    driver: str = "asyncpg"
    loop: str = "asyncio"
    pooler: str = ""
    python: str = PYTHON_VERSION  # a minor version, for example "3.12"
    sqlalchemy: str = ""
    asyncpg: str = ""
    psycopg: str = ""
    aiosqlite: str = ""
    # A URL, a folder with PostgreSQL's programs, "system", or "" for the embedded server.
    server: str = ""

    @property
    def pins(self) -> dict[str, str]:
        pins = {"sqlalchemy": self.sqlalchemy, self.driver: getattr(self, self.driver)}
        return {library: version for library, version in pins.items() if version}

    @property
    def options(self) -> tuple[str, ...]:
        return ("--driver", self.driver, "--loop", self.loop, "--pooler", self.pooler)

    @property
    def command(self) -> str:
        server = "".join(
            f"{name}={shlex.quote(hide_password(value))} " for name, value in self.variables.items()
        )
        return f"{server}orm-async-tests run {shlex.join(self.options)}"

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that choose the server."""
        if "://" in self.server:
            return {"DATABASE_URL": self.server}
        # The caller's environment may have a DATABASE_URL.
        return {"DATABASE_URL": "embedded", "ORM_ASYNC_PG_BIN": self.server} if self.server else {}

    @property
    def name(self) -> str:
        """The stack's name, for example "python 3.11, sqlalchemy 2.0, psycopg, uvloop"."""
        parts = [
            f"python {self.python}",
            f"sqlalchemy {self.sqlalchemy}" if self.sqlalchemy else "",
            f"{self.driver} {getattr(self, self.driver)}".strip(),
            self.loop if self.loop != "asyncio" else "",
            f"PgBouncer {self.pooler}" if self.pooler else "",
            hide_password(self.server),
        ]
        return ", ".join(filter(None, parts))


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
FULL = (
    *STANDARD,
    Plan(pooler="transaction-unprepared"),
    *(
        Plan(python=python, driver=driver, sqlalchemy=sqlalchemy)
        for python, driver, sqlalchemy in product(
            ("3.11", "3.12", "3.13"), ("asyncpg", "psycopg"), ("", "2.0")
        )
    ),
)
PRESETS = {"quick": QUICK, "standard": STANDARD, "full": tuple(dict.fromkeys(FULL))}


def hide_password(text: str) -> str:
    text = re.sub(r"//[^/@\s]*@", "//***@", text)
    return re.sub(r"([?&](?:ssl)?password=)[^&\s]*", r"\1***", text)


def combine(axes: Mapping[str, Sequence[str]]) -> tuple[Plan, ...]:
    """Return a Plan for every combination of values.

    The parameter `axes` maps fields to values, for example {"driver": ["asyncpg", "psycopg"]}.
    """
    used = {name: values for name, values in axes.items() if values}
    plans = [Plan(**dict(zip(used, values, strict=True))) for values in product(*used.values())]
    return tuple({plan.name: plan for plan in plans}.values())


def take_shard(plans: Sequence[Plan], part: str) -> tuple[Plan, ...]:
    """Split the plans into parts, and return the part that the text `part` selects.

    The text "1/3" means the first of three parts.
    """
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", part)
    number, total = map(int, match.groups()) if match else (0, 0)
    if not 1 <= number <= total:
        raise CouldNotRun(f"{part!r} does not name a part of the stacks", "--shard", "--shard 1/3")
    return tuple(plans[number - 1 :: total])
