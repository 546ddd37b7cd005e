"""The work of a check grows with the size of a file, not with the square of its size."""

import sys
from pathlib import Path

import pytest

from orm_async_tests.lint.lint_settings import Settings
from orm_async_tests.lint.project_check import check
from tests.lint.lint_project import write

HEAD = """\
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

async def save(session: AsyncSession):
    try:
        await session.execute(text("UPDATE users SET age = 1"))
    except Exception:
        return None
    return 1

async def f(session: AsyncSession, kind):
    pass
"""
OPTIONS = """
OPTIONS{0} = {{"echo": True}}
if DEBUG:
    OPTIONS{0}["echo"] = False
engine{0} = create_async_engine("postgresql+asyncpg://localhost/db", **OPTIONS{0})
"""
TEST = """
    saved{0} = await save(session)
    if not saved{0}:
        return
"""
BLOCK = """
    try:
        session.add(kind)
        await session.execute(text("UPDATE users SET age = 1"))
    except Exception:
        log({0})
"""
APPEND = """
    jobs{0} = []
    jobs{0}.append(save(session))
    await asyncio.gather(*jobs{0})
"""


def count_calls(folder: Path, code: str) -> int:
    """Return how many functions the checker calls to check a file."""
    path, calls = write(folder / "app.py", code), 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        check([path], Settings(folder))
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize(
    "part", [OPTIONS, TEST, BLOCK, APPEND], ids=["options", "tests", "blocks", "appends"]
)
def test_twice_the_code_costs_about_twice_the_work(part: str, tmp_path: Path) -> None:
    small, large = (
        count_calls(tmp_path, HEAD + "".join(part.format(n) for n in range(size)))
        for size in (60, 120)
    )
    assert large < 2.5 * small
