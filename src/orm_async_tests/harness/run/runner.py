"""Run one script in a new event loop on the chosen database."""

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
from orm_async_tests.harness.environment.servers import open_pooler
from orm_async_tests.harness.report.judge import Verdict, judge
from orm_async_tests.harness.report.phrasing import describe
from orm_async_tests.harness.report.result import Result
from orm_async_tests.harness.run.observer import Observer
from orm_async_tests.harness.script import Script
from orm_async_tests.harness.wire.wire import can_watch, open_wire
from orm_async_tests.stack_options import DEFAULT_LOOP
from orm_async_tests.verdicts import BROKEN, SKIPPED


def run_script(
    script: Script,
    database: db.Database,
    options: Mapping[str, Any] | None = None,
    loop: str = DEFAULT_LOOP,
) -> Result:
    """Observe every variant of a script and judge it, in a new event loop of this kind.

    Raise CouldNotRun if the database or the loop cannot be used, or under python -O, which removes
    assertions.
    """
    if not __debug__:
        raise CouldNotRun(
            "the option -O of Python removes the assertions of the scripts",
            "the option -O of Python, or the environment variable PYTHONOPTIMIZE",
            "the same command without -O and without PYTHONOPTIMIZE",
        )
    return run(loop, _run, script, database, {**script.defaults, **(options or {})}, loop)


async def _run(
    script: Script, database: db.Database, options: Mapping[str, Any], loop: str
) -> Result:
    started = time.perf_counter()
    observations: dict[str, Observation] = {}
    opener = sqlite if database.kind == "file" else script_database
    async with opener.open_script_database(database) as scripts:
        gc.freeze()  # modules stay: collecting after a variant then takes no time
        stack = this_stack(database, await scripts.settings(), loop)
        if reason := script.missing(stack, wire=can_watch(database.url)):
            return Result(script, stack, Verdict(SKIPPED, reason), observations, 0.0)
        if denied := await scripts.denied(script.base, script.functions):
            return Result(script, stack, Verdict(SKIPPED, "; ".join(denied)), observations, 0.0)
        for variant in script.variants:
            with open_pooler(database.url, database.pooler) as url, open_wire(url) as wire:
                observer = Observer(scripts, wire.url if wire else url, wire, options)
                try:
                    observations[variant.name] = await observer.observe(script, variant)
                except DBAPIError as error:  # from the set-up: a server that lacks something
                    reason = f"its tables or rows cannot be created: {describe(error)}"
                    return Result(script, stack, Verdict(BROKEN, reason), observations, 0.0)
    verdict = judge(script, observations, stack, options)
    return Result(script, stack, verdict, observations, time.perf_counter() - started)
