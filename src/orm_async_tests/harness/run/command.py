"""The command line of a numbered script."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from orm_async_tests import errors
from orm_async_tests.harness.definitions.variants import Option
from orm_async_tests.harness.environment import sqlite
from orm_async_tests.harness.environment.requirements import VARIABLE, require
from orm_async_tests.harness.report.render import render_full
from orm_async_tests.harness.report.result import document, exit_code
from orm_async_tests.harness.run.runner import run_script
from orm_async_tests.harness.script import Script
from orm_async_tests.output_files import require_writable
from orm_async_tests.stack_options import add_stack
from orm_async_tests.terminal import detect_width, print_styled
from orm_async_tests.view_options import add_views


def main_of(name: str) -> Callable[[], int]:
    """Return the console command of the script with this `__name__`; it returns the exit code.

    If the script runs as a file, or by `python -m`, run the command at once.
    """

    def main() -> int:
        script = Script.of(sys.modules[name])
        arguments = parser(script).parse_args()
        return errors.exit_code(lambda: _run(script, arguments))

    if name == "__main__":
        raise SystemExit(main())
    return main


def _run(script: Script, arguments: argparse.Namespace) -> int:
    require(os.environ.get(VARIABLE, ""), VARIABLE)
    if arguments.trace:
        require_writable(arguments.trace, "--trace")
    options = {option.name: getattr(arguments, option.name) for option in script.options}
    with sqlite.open_database(arguments.db_, arguments.driver, arguments.pooler) as database:
        print(f"db: {database.label}, {database.driver}", file=sys.stderr)
        result = run_script(script, database, options, arguments.loop)
    if arguments.trace:
        from orm_async_tests.harness.report.views import write_trace

        write_trace(arguments.trace, [result])
    if arguments.as_json:
        print(json.dumps(document([result]), indent=2))
    elif arguments.code or arguments.timeline:
        from orm_async_tests.harness.report.views import render_views

        shown = {"code": arguments.code, "timeline": arguments.timeline}
        print_styled(render_views(result, detect_width(), **shown))
    else:
        print_styled(render_full(result, detect_width(), in_full=arguments.verbose))
    return exit_code([result])


def parser(script: Script) -> argparse.ArgumentParser:
    """Return a parser with the options of all scripts and of this one."""
    parser = argparse.ArgumentParser(description=script.claim)
    add_stack(parser)
    as_json = "print the result as JSON"
    parser.add_argument("--json", action="store_true", dest="as_json", help=as_json)
    verbose = "print every statement and value in full"
    parser.add_argument("-v", "--verbose", action="store_true", help=verbose)
    add_views(parser)
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
            message = f"{text!r} is not valid for {option.help}; try {option.default}"
            raise argparse.ArgumentTypeError(message) from None

    return parse
