"""Helpers that make scripts from source code in tests."""

import itertools
import linecache
import sys
import textwrap
from types import ModuleType

from orm_async_tests import db
from orm_async_tests.harness.report.result import Result
from orm_async_tests.harness.run.runner import run_script
from orm_async_tests.harness.script import Script

HEAD = '''"""A claim."""
import asyncio, gc, logging, warnings
from sqlalchemy import select, text
from sqlalchemy.exc import MissingGreenlet
from sqlalchemy.ext.asyncio import AsyncSession
from orm_async_tests.harness import Option, Upstream, main_of, right, variant, wrong
from orm_async_tests.models import User
'''
CANCELLED = """
    @variant
    async def one(Session, activity):
        async def query():
            async with Session() as session:
                await session.execute(text("SELECT pg_sleep(60)"))
        task = asyncio.create_task(query())
        await activity.until_running("pg_sleep")
        task.cancel()
        await asyncio.wait([task])
"""
numbers = itertools.count(900)


def script(body: str) -> Script:
    """Return a script with the usual imports, this body, and a `check` without assertions."""
    name = f"test{next(numbers)}_of_tests"
    module = ModuleType(name, "A claim.")
    module.__file__ = f"/{name}.py"
    sys.modules[name] = module
    source = HEAD + textwrap.dedent(body)
    if "def check" not in source:
        source += "\ndef check(): pass\n"
    lines = source.splitlines(keepends=True)
    linecache.cache[module.__file__] = (len(source), None, lines, module.__file__)
    exec(compile(source, module.__file__, "exec"), vars(module))
    return Script.of(module)


def ran(body: str, database: db.Database, **options: object) -> Result:
    """Return the result of a script with this body."""
    return run_script(script(body), database, options)
