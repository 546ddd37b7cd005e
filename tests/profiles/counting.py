"""How many functions are called for a row, a session or a request: the same in every run."""

import asyncio
import configparser
import gc
import platform
import selectors
import sys
from collections import Counter
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy.util import has_compiled_ext

from orm_async_tests import db
from tests.profiles.patterns import PATTERNS, Pattern, World, world_on
from tests.service.conftest import migrated

RECORDED = Path(__file__).with_name("profiles.txt")
LIBRARIES = ("sqlalchemy", "asyncpg", "greenlet", "fastapi", "starlette", "pydantic")
LOOP = (str(Path(asyncio.__file__).parent), selectors.__file__)  # its turns depend on the socket
PARTS = {  # by what a module's path has; the first that fits
    "/sqlalchemy/orm/": "ORM",
    "/sqlalchemy/sql/": "statements",
    "/sqlalchemy/pool/": "pool",
    "/sqlalchemy/ext/asyncio/": "asyncio",
    "/sqlalchemy/util/concurrency": "asyncio",
    "/sqlalchemy/util/_concurrency": "asyncio",
    "/sqlalchemy/connectors/asyncio": "asyncio",
    "/sqlalchemy/dialects/": "dialect",
    "/sqlalchemy/": "engine and results",
    "/asyncpg/": "asyncpg",
    "/orm_async_tests/service/": "the service",
    "/fastapi/": "FastAPI",
    "/starlette/": "FastAPI",
    "/pydantic/": "FastAPI",
}
OTHER = "other"
Counts = Counter[str]  # of calls, by part; for one of many they are fractions
HEADER = """# Functions called for a row, a session or a request, without the event loop's own.
# Written by: nox -s profile -- --record
"""


def stack() -> str:
    """What the counts depend on."""
    compiled = "compiled" if has_compiled_ext() else "pure"
    return named({each: version(each) for each in LIBRARIES}, compiled)


def named(versions: dict[str, str], compiled: str) -> str:
    """These versions on this Python, as they are recorded."""
    python = ".".join(platform.python_version_tuple()[:2])
    return ", ".join([f"python {python}", *map(" ".join, versions.items()), compiled])


def recorded() -> configparser.ConfigParser:
    """The counts by stack and pattern."""
    found = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    found.optionxform = str  # type: ignore[assignment, method-assign] # as its documentation has it
    found.read(RECORDED, "utf-8")
    return found


def record(counts: dict[str, Counts]) -> None:
    """Keep this stack's counts, beside those of others."""
    found = recorded()
    found[stack()] = {name: f"{each.total():.1f}" for name, each in counts.items()}
    with RECORDED.open("w", encoding="utf-8") as file:
        file.write(HEADER)
        found.write(file)


def counted() -> dict[str, Counts]:
    """The calls of each pattern, on a database of its own."""
    with migrated() as database:
        return asyncio.run(_counted(database))


async def _counted(database: db.Database) -> dict[str, Counts]:
    async with world_on(database.url) as world:
        return {name: await for_one(world, *pattern) for name, pattern in PATTERNS.items()}


async def for_one(world: World, pattern: Pattern, sizes: tuple[int, int]) -> Counts:
    """The calls for one more: what is done once for all is not counted."""
    few, many = sizes
    for size in sizes:
        await pattern(world, size)  # statements are compiled and prepared
    found = await calls(world, pattern, many)
    found.subtract(await calls(world, pattern, few))
    return Counter({part: count / (many - few) for part, count in found.items()})


async def calls(world: World, pattern: Pattern, size: int) -> Counts:
    """The functions that are called, of Python and of C, by the part of whoever calls them."""
    found: Counts = Counter()

    def count(frame: FrameType, event: str, _: Any) -> None:
        if event in ("call", "c_call") and (part := part_of(frame.f_code.co_filename)):
            found[part] += 1

    gc.collect()
    gc.disable()  # what it would clean up in between
    sys.setprofile(count)
    try:
        await asyncio.ensure_future(pattern(world, size))  # to resume who waits is a call too
    finally:
        sys.setprofile(None)
        gc.enable()
    return found


@cache
def part_of(path: str) -> str:
    """Which part a module belongs to; none if it is the event loop's."""
    if path.startswith(LOOP):
        return ""
    return next((part for piece, part in PARTS.items() if piece in path), OTHER)
