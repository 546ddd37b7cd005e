"""SQLAlchemy 2.1 does not install greenlet unless you require sqlalchemy[asyncio].

On common platforms, SQLAlchemy 2.0 installs greenlet, but SQLAlchemy 2.1 does not. Without
greenlet, the asyncio extension does not work. Write sqlalchemy[asyncio] in the dependencies of your
project.

Docs: https://docs.sqlalchemy.org/en/21/changelog/migration_21.html
"""

import asyncio
import importlib.metadata
import sys
from asyncio.subprocess import DEVNULL

from orm_async_tests.harness import Observation, main_of, right, variant, wrong

SINCE = "2.1"
ALSO = "aiosqlite"
FAILED = 3
HIDE = "import sys; sys.modules['greenlet'] = None"
USE = """
try:
    from sqlalchemy.ext.asyncio import create_async_engine
    create_async_engine("postgresql+asyncpg://")
except ImportError:
    raise SystemExit(3)
"""


async def python(code: str) -> int | None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=DEVNULL)
    return await process.wait()


@variant
async def requirements() -> list[str]:
    """list the packages that SQLAlchemy requires if you install no extra"""
    required = importlib.metadata.requires("sqlalchemy") or []
    return [line.partition(">")[0] for line in required if "extra ==" not in line]


@variant
async def core_without_it() -> dict[str, int | None]:
    """import sqlalchemy and its ORM while greenlet is not installed"""
    return {"exit code": await python(f"{HIDE}; import sqlalchemy.orm")}


@wrong
async def asyncio_without_it() -> dict[str, int | None]:
    """create an async engine while greenlet is not installed"""
    return {"exit code": await python(HIDE + USE)}


@right
async def asyncio_with_it() -> dict[str, int | None]:
    """create an async engine while greenlet is installed"""
    return {"exit code": await python(USE)}


def check(
    requirements: Observation,
    core_without_it: Observation,
    asyncio_without_it: Observation,
    asyncio_with_it: Observation,
) -> None:
    assert requirements.value
    assert "greenlet" not in requirements.value
    assert asyncio_without_it.value == {"exit code": FAILED}
    assert core_without_it.value == asyncio_with_it.value == {"exit code": 0}


main = main_of(__name__)
