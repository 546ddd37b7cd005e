"""Runs one script, and provides its command, for example `test5`."""

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy.exc import DBAPIError

from orm_async_tests import db
from orm_async_tests.command_options import VIEWS, CommandParser, refuse_options
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.exit_codes import run_command
from orm_async_tests.harness.definitions.stack import this_stack
from orm_async_tests.harness.definitions.variants import Observation, Option
from orm_async_tests.harness.environment.event_loops import run_in_loop
from orm_async_tests.harness.environment.requirements import require
from orm_async_tests.harness.environment.script_database import (
    open_chosen_database,
    open_script_database,
)
from orm_async_tests.harness.environment.servers import open_pooler
from orm_async_tests.harness.report.judge import Verdict, judge
from orm_async_tests.harness.report.phrasing import describe
from orm_async_tests.harness.report.render import render_full
from orm_async_tests.harness.report.result import Result, document, exit_code
from orm_async_tests.harness.run.observer import observe
from orm_async_tests.harness.script import Script
from orm_async_tests.harness.wire.wire import can_watch, open_wire
from orm_async_tests.output_files import require_writable
from orm_async_tests.stack_options import DEFAULT_LOOP, STACK
from orm_async_tests.terminal import Styled, detect_width, print_styled
from orm_async_tests.verdicts import BROKEN, SKIPPED

OPTIONS = f"""{STACK}
    --json         print the result as JSON
    -v, --verbose  print every statement and value in full
{VIEWS}"""


def run_script(
    script: Script,
    database: db.Database,
    options: Mapping[str, Any] | None = None,
    loop: str = DEFAULT_LOOP,
) -> Result:
    """Run every variant of a script in a new event loop, and judge the results."""
    if not __debug__:
        raise CouldNotRun(
            "Python's option -O removes the assertions of the scripts",
            "Python's option -O or PYTHONOPTIMIZE",
            "repeat the command without -O and without PYTHONOPTIMIZE",
        )
    return run_in_loop(loop, _run, script, database, {**script.defaults, **(options or {})}, loop)


async def _run(
    script: Script, database: db.Database, options: Mapping[str, Any], loop: str
) -> Result:
    started = time.perf_counter()
    observations: dict[str, Observation] = {}
    async with open_script_database(database) as scripts:
        gc.freeze()  # makes later collections fast, because modules stay
        stack = this_stack(database, await scripts.read_settings(), loop)
        reason = script.explain_skip(stack, wire=can_watch(database.url))
        reason = reason or await scripts.find_denied(script.base, script.functions)
        if reason:
            return Result(script, stack, Verdict(SKIPPED, reason), observations, 0.0)
        for variant in script.variants:
            with open_pooler(database.url, database.pooler) as url, open_wire(url) as wire:
                url = wire.url if wire else url
                try:
                    observed = await observe(script, variant, scripts, url, wire, options)
                except DBAPIError as error:  # the server lacks something
                    if error.connection_invalidated:
                        raise
                    reason = f"the script's tables or rows cannot be created: {describe(error)}"
                    return Result(script, stack, Verdict(BROKEN, reason), observations, 0.0)
                observations[variant.name] = observed
    verdict = judge(script, observations, stack, options)
    return Result(script, stack, verdict, observations, time.perf_counter() - started)


def main_of(name: str) -> Callable[[], int]:
    """Return the command of a script.

    The parameter `name` is the script's `__name__`. If the script's file is the main program, run
    the script immediately.
    """

    def command() -> int:
        script = Script.of(sys.modules[name])
        return _run_with_options(script, build_parser(script).parse_args())

    def main() -> int:
        return run_command(command)

    if name == "__main__":
        raise SystemExit(main())
    return main


def _run_with_options(script: Script, arguments: argparse.Namespace) -> int:
    require()
    if arguments.json:
        refuse_options(arguments, "--json", "code", "timeline")
    if arguments.trace:
        require_writable(arguments.trace, "--trace")
    options = {option.name: getattr(arguments, option.name) for option in script.options}
    with open_chosen_database(arguments.db, arguments.driver, arguments.pooler) as database:
        result = run_script(script, database, options, arguments.loop)
    if arguments.trace:
        from orm_async_tests.harness.report.views import write_trace

        write_trace(arguments.trace, [result])
    if arguments.json:
        print(json.dumps(document([result]), indent=2))
    else:
        full = render_full(result, detect_width(), in_full=arguments.verbose)
        print_result(result, arguments, full)
    return exit_code([result])


def print_result(result: Result, arguments: argparse.Namespace, lines: Iterator[Styled]) -> None:
    """Print the views that the options choose, or otherwise these lines."""
    if arguments.code or arguments.timeline:
        from orm_async_tests.harness.report.views import render_views

        code, timeline = arguments.code, arguments.timeline
        lines = render_views(result, detect_width(), code=code, timeline=timeline)
    print_styled(lines)


def build_parser(script: Script) -> CommandParser:
    parser = CommandParser(OPTIONS, description=script.claim)
    for option in script.options:
        help_ = f"{option.help} (default {option.default})"
        name = f"--{option.name}"
        parser.add_argument(name, type=_parser_of(option), default=option.default, help=help_)
    return parser


def _parser_of(option: Option) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            return option.parse(text)
        except ValueError:
            message = f"{text!r} is not valid ({option.help}); try {option.default}"
            raise argparse.ArgumentTypeError(message) from None

    return parse
