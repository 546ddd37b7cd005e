"""Run scripts, each in an event loop of its own, on the chosen database."""

import gc
import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import DBAPIError

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.definitions.observation import Observation
from orm_async_tests.harness.definitions.stack import this_stack
from orm_async_tests.harness.environment import script_database, sqlite
from orm_async_tests.harness.environment.event_loops import run
from orm_async_tests.harness.environment.pooling import pooled
from orm_async_tests.harness.report.judge import BROKEN, SKIPPED, Verdict, judge
from orm_async_tests.harness.report.phrasing import describe
from orm_async_tests.harness.report.result import Result
from orm_async_tests.harness.run.observer import Observer
from orm_async_tests.harness.script import Script
from orm_async_tests.harness.wire import wire
from orm_async_tests.stack_options import DEFAULT_LOOP


def run_script(
    script: Script,
    database: db.Database,
    options: Mapping[str, Any] | None = None,
    loop: str = DEFAULT_LOOP,
) -> Result:
    """Observe each variant of a script and judge it, in an event loop of that name.

    Raises CouldNotRun if the database or the loop cannot be used, or under python -O, which removes
    assertions.
    """
    if not __debug__:
        raise CouldNotRun(
            "python -O removes the assertions that these scripts exist for",
            "the interpreter's options or PYTHONOPTIMIZE",
            "unset PYTHONOPTIMIZE, or leave -O out",
        )
    return run(loop, _run, script, database, {**script.defaults, **(options or {})}, loop)


async def _run(
    script: Script, database: db.Database, options: Mapping[str, Any], loop: str
) -> Result:
    started = time.perf_counter()
    seen: dict[str, Observation] = {}
    enter = sqlite.entered if database.kind == "file" else script_database.entered
    async with enter(database) as ground:
        gc.freeze()  # modules stay: collecting after a variant then takes no time
        stack = this_stack(database, await ground.settings(), loop)
        if reason := script.missing(stack, wire=wire.can_watch(database.url)):
            return Result(script, stack, Verdict(SKIPPED, reason), seen, 0.0)
        if denied := await ground.denied(script.base, script.functions):
            return Result(script, stack, Verdict(SKIPPED, "; ".join(denied)), seen, 0.0)
        for variant in script.variants:
            with pooled(database.url, database.pooler) as url, wire.watched(url) as line:
                observer = Observer(ground, line.url if line else url, line, options)
                try:
                    seen[variant.name] = await observer.observe(script, variant)
                except DBAPIError as error:  # not the variant's: a server that cannot do all of it
                    reason = f"its tables or rows cannot be made: {describe(error)}"
                    return Result(script, stack, Verdict(BROKEN, reason), seen, 0.0)
    verdict = judge(script, seen, stack, options)
    return Result(script, stack, verdict, seen, time.perf_counter() - started)
