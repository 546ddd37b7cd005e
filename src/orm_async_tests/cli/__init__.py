"""The command `orm-async-tests`."""

import argparse
import re
from functools import partial
from importlib import import_module
from typing import Any

from orm_async_tests.cli.command_texts import COMMANDS
from orm_async_tests.command_options import CommandParser
from orm_async_tests.exit_codes import run_command

GROUPS = {"db": "show, start or reset the database; run psql or Alembic"}
WITHOUT_PARSER = {"add_help": False, "prefix_chars": "\0"}  # bench parses its own options


def main() -> int:
    return run_command(_run_command)


def _run_command() -> int:
    arguments = build_parser().parse_args()
    return int(arguments.run(arguments))


def _run(path: str, arguments: argparse.Namespace) -> int:
    module, _, function = path.partition(":")
    return int(getattr(import_module(f"orm_async_tests.{module}"), function)(arguments))


def build_parser() -> CommandParser:
    parser = CommandParser(
        prog="orm-async-tests",
        description="Run scripts that prove how SQLAlchemy's asyncio ORM behaves.",
    )
    groups = {"": parser.add_subparsers(required=True, metavar="COMMAND")}
    for function, text in COMMANDS.items():
        title, _, options = text.strip().partition("\n")
        path, summary = re.split(" {2,}", title)
        group, _, name = path.rpartition(" ")
        if group not in groups:
            parent = _add_parser(groups[""], group, GROUPS[group])
            groups[group] = parent.add_subparsers(required=True, metavar="ACTION")
        settings = WITHOUT_PARSER if name == "bench" else {}
        subparser = _add_parser(groups[group], name, summary, text=f"\n{options}", **settings)
        subparser.set_defaults(run=partial(_run, function))
    return parser


def _add_parser(commands: Any, name: str, summary: str, **settings: Any) -> Any:
    description = f"{summary[0].upper()}{summary[1:]}."
    return commands.add_parser(name, help=summary, description=description, **settings)
