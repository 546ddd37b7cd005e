"""Finds the databases, the drivers and some library versions of a project."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from orm_async_tests.lint.source_text import decode_other_text

NAMES = ("pyproject.toml", "setup.cfg", "setup.py", "Pipfile", "poetry.lock", "uv.lock", "pdm.lock",
         "requirements*.txt", "requirements/*.txt")  # fmt: skip
DRIVERS = {
    "postgresql": ("asyncpg", "psycopg", "psycopg2", "pg8000"),
    "mysql": ("aiomysql", "asyncmy", "pymysql"),
    "sqlite": ("aiosqlite",),
    "mssql": ("aioodbc", "pyodbc", "pymssql"),
    "oracle": ("oracledb",),
}
SYNCHRONOUS = {"psycopg", "psycopg2", "pg8000"}  # drivers that a synchronous session can use
OTHER_TOOLS = re.compile(r"^\[+tool\.(?:mypy|pyright|ruff|isort)\b.*?(?=^\[|\Z)", re.M | re.S)
WORD = re.compile(r"[a-z][a-z0-9]+")
ENGINE = re.compile(r"\bcreate_async_engine\(\s*(?:url\s*=\s*)?(?:(\w+)\s*[,)])?")
NAMED = re.compile(rf"[\"'](?:{'|'.join(DRIVERS)})\+(\w+)")
URL = re.compile(r"\s*[rf]?[\"'](\w+)(?:\+(\w+))?://")
IMPORTED = re.compile(r"\bcreate_async_engine\s+as\b|\basync_engine_from_config\b")
LOCKED = r'name = "{}"\s+version = "([0-9.]+)"'
PINNED = r'\b{}(?:\[[^]]*\])?["\s]*(?:=\s*"?)?(?:==|~=|\^|>=?[^",\n]+,\s*<)\s*([0-9.]+)'


@dataclass(frozen=True)
class ProjectFacts:
    """The facts about a project that the rules need."""

    dialects: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ()
    fastapi: tuple[int, ...] = ()
    """The version of FastAPI, or () if it is unknown."""

    sqlmodel: tuple[int, ...] = ()
    """The version of SQLModel, or () if it is unknown."""

    @property
    def may_use_postgresql(self) -> bool:
        """Return True if the project uses PostgreSQL, or if its databases are unknown."""
        return not self.dialects or "postgresql" in self.dialects

    @property
    def may_use_asyncpg(self) -> bool:
        """Return True if the project uses asyncpg, or may use PostgreSQL with an unknown driver."""
        return "asyncpg" in self.drivers or (self.may_use_postgresql and not self.drivers)

    @property
    def may_be_synchronous(self) -> bool:
        """Return whether the project uses a driver that a synchronous session can use."""
        return not SYNCHRONOUS.isdisjoint(self.drivers)

    @property
    def exits_before_response(self) -> bool:
        """Return whether the code after `yield` in a dependency runs before the response."""
        return (0, 106) <= self.fastapi < (0, 118)

    @property
    def has_naive_sqlmodel(self) -> bool:
        """Return whether the columns of SQLModel's datetimes have no time zone."""
        return () < self.sqlmodel < (0, 0, 45)


def read_facts(root: Path, dialect: str, fastapi: str, sources: Iterable[str] = ()) -> ProjectFacts:
    """Return the databases, the drivers and some library versions of a project.

    The settings `dialect` and `fastapi` take precedence over constant engine URLs in `sources`.
    Constant engine URLs take precedence over files such as pyproject.toml. If these files name no
    driver, the constants in `sources` do, for example "postgresql+asyncpg" in a class of settings.
    """
    sources = [*sources]
    text = "\n".join(_texts(root))
    words = set(WORD.findall(text.lower()))
    drivers = {name for names in DRIVERS.values() for name in names if name in words}
    drivers = drivers or {name for source in sources for name in NAMED.findall(source)}
    dialects = {name for name, names in DRIVERS.items() if drivers & set(names)}
    is_async = any(word in source for source in sources for word in ("async_engine", "+asyncpg"))
    if sources and drivers & SYNCHRONOUS and not is_async:
        drivers.discard("asyncpg")  # a synchronous engine cannot use it
    if not dialect and (urls := _read_urls(sources)):
        known = DRIVERS["postgresql"]
        dialects = {"postgresql" if driver in known else name for name, driver in urls}
        drivers = {driver for _, driver in urls if driver}
    if dialect:
        dialects = {dialect.partition("+")[0]}
        drivers = {driver} if (driver := dialect.partition("+")[2]) else drivers
    versions = (fastapi or _find_version("fastapi", text), _find_version("sqlmodel", text))
    numbers = (tuple(map(int, filter(str.isdigit, item.split(".")))) for item in versions)
    # Sorted, because the name of the cache file depends on these facts.
    return ProjectFacts(tuple(sorted(dialects)), tuple(sorted(drivers)), *numbers)


def _find_version(package: str, text: str) -> str:
    """Return the locked or pinned version of a package, or ""."""
    match = re.search(LOCKED.format(package), text) or re.search(PINNED.format(package), text)
    return match.group(1) if match else ""


def _read_urls(sources: Iterable[str]) -> set[tuple[str, str]]:
    """Return the database and the driver of each engine, or nothing if any URL is unknown."""
    urls = set()
    for source in sources:
        if IMPORTED.search(source):
            return set()
        for match in ENGINE.finditer(source):
            name, start = match.group(1), match.end()
            if name:
                bound = [*re.finditer(rf"^[ \t]*{name}\b[^=\n]*=(?!=)", source, re.M)]
                start = bound[0].end() if len(bound) == 1 else start
            url = URL.match(source, start)
            if url is None:
                return set()
            urls.add((url.group(1), url.group(2) or ""))
    return urls


def _texts(root: Path) -> Iterator[str]:
    for name, prefix in product(NAMES, ("", "*/", "*/*/")):
        paths = list[Path]()
        with suppress(OSError):  # the folder may be deleted or unreadable
            paths = sorted(root.glob(prefix + name))[:20]
        for path in paths:
            if ".venv" not in path.parts and "node_modules" not in path.parts:
                with suppress(OSError):
                    # A setting of mypy may name a library that the project does not use.
                    yield OTHER_TOOLS.sub("", decode_other_text(path.read_bytes()))
