"""SQLAlchemy 2.1 brings no greenlet by itself: [asyncio] must be asked for.

2.0 brought greenlet along on usual machines. Without it the core and the synchronous ORM work, and
the asyncio extension does not: write sqlalchemy[asyncio] in what you depend on.

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
async def what_is_required() -> list[str]:
    """what SQLAlchemy requires without its extras"""
    required = importlib.metadata.requires("sqlalchemy") or []
    return [each.partition(">")[0] for each in required if "extra ==" not in each]


@variant
async def core_without_it() -> dict[str, int | None]:
    """import sqlalchemy and its ORM where there is no greenlet"""
    return {"exit code": await python(f"{HIDE}; import sqlalchemy.orm")}


@wrong
async def asyncio_without_it() -> dict[str, int | None]:
    """make an async engine where there is no greenlet"""
    return {"exit code": await python(HIDE + USE)}


@right
async def asyncio_with_it() -> dict[str, int | None]:
    """make an async engine where there is greenlet"""
    return {"exit code": await python(USE)}


def check(
    what_is_required: Observation,
    core_without_it: Observation,
    asyncio_without_it: Observation,
    asyncio_with_it: Observation,
) -> None:
    assert what_is_required.value
    assert "greenlet" not in what_is_required.value
    assert asyncio_without_it.value == {"exit code": FAILED}
    assert core_without_it.value == asyncio_with_it.value == {"exit code": 0}


main = main_of(__name__)
