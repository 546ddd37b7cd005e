"""How many functions are called for a row, a session or a request: the same in every run."""

import asyncio
import configparser
import cProfile
import gc
import platform
import selectors
from importlib.metadata import version
from pathlib import Path
from types import CodeType

from sqlalchemy.util import has_compiled_ext

from orm_async_tests import db
from tests.profiles.patterns import PATTERNS, Pattern, World, world_on
from tests.service.conftest import migrated

RECORDED = Path(__file__).with_name("profiles.txt")
LIBRARIES = ("sqlalchemy", "asyncpg", "greenlet", "fastapi", "starlette", "pydantic")
LOOP = (str(Path(asyncio.__file__).parent), selectors.__file__)  # its turns depend on the socket
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


def record(counts: dict[str, float]) -> None:
    """Keep this stack's counts, beside those of others."""
    found = recorded()
    found[stack()] = {name: f"{count:.1f}" for name, count in counts.items()}
    with RECORDED.open("w", encoding="utf-8") as file:
        file.write(HEADER)
        found.write(file)


def counted() -> dict[str, float]:
    """The calls of each pattern, on a database of its own."""
    with migrated() as database:
        return asyncio.run(_counted(database))


async def _counted(database: db.Database) -> dict[str, float]:
    async with world_on(database.url) as world:
        return {name: await for_one(world, *pattern) for name, pattern in PATTERNS.items()}


async def for_one(world: World, pattern: Pattern, sizes: tuple[int, int]) -> float:
    """The calls for one more: what is done once for all is not counted."""
    few, many = sizes
    for size in sizes:
        await pattern(world, size)  # statements are compiled and prepared
    return (await calls(world, pattern, many) - await calls(world, pattern, few)) / (many - few)


async def calls(world: World, pattern: Pattern, size: int) -> int:
    """The functions that are called, of Python and of C."""
    gc.collect()
    gc.disable()  # what it would clean up in between
    profile = cProfile.Profile()
    profile.enable()
    try:
        await asyncio.ensure_future(pattern(world, size))  # to resume who waits is a call too
    finally:
        profile.disable()
        gc.enable()
    return sum(each.callcount for each in profile.getstats() if not of_the_loop(each.code))


def of_the_loop(code: CodeType | str) -> bool:
    """Whether the event loop's own function is called."""
    return isinstance(code, CodeType) and code.co_filename.startswith(LOOP)
