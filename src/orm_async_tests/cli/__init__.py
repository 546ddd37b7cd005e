"""The command `orm-async-tests`."""

import argparse
from collections.abc import Callable
from importlib import import_module
from typing import Any

from orm_async_tests import errors
from orm_async_tests.command_options import add_options

Run = Callable[[argparse.Namespace], int]
GROUPS = {"db": "show, start or reset the database; run psql or Alembic"}
MODULES = (  # in the order in which `--help` lists the commands
    *("script_commands", "database", "audit", "bisect", "matrix", "faults", "lint"),
    *("bench", "report_page"),
)
COMMANDS: dict[str, tuple[Run, str, str, dict[str, Any]]] = {}


def command(name: str, summary: str, options: str = "", **settings: Any) -> Callable[[Run], Run]:
    """Declare a function as a subcommand that returns an exit code: 0, 1, 2 or 77.

    `summary` begins with a verb. The module command_options explains the form of `options`. The
    settings are those of argparse's parser.
    """

    def register(run: Run) -> Run:
        COMMANDS[name] = run, summary, options, settings
        return run

    return register


def main() -> int:
    arguments = build_parser().parse_args()
    return errors.exit_code(lambda: int(arguments.run(arguments)))


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="orm-async-tests",
        description="Run scripts that prove how SQLAlchemy's asyncio ORM behaves.",
    )
    groups = {"": parser.add_subparsers(required=True, metavar="COMMAND")}
    for name in MODULES:
        module = import_module(f"{__name__}.{name}")
        if hasattr(module, "add"):
            module.add(groups[""])
    for path, (run, summary, options, settings) in COMMANDS.items():
        group, _, name = path.rpartition(" ")
        if group not in groups:
            parent = _add_parser(groups[""], group, GROUPS[group])
            groups[group] = parent.add_subparsers(required=True, metavar="ACTION")
        subparser = _add_parser(groups[group], name, summary, **settings)
        add_options(subparser, options)
        subparser.set_defaults(run=run)
    return parser


def add_command(commands: Any, name: str, summary: str) -> Any:
    return _add_parser(commands, name, summary)


def _add_parser(commands: Any, name: str, summary: str, **settings: Any) -> Any:
    description = f"{summary[0].upper()}{summary[1:]}."
    return commands.add_parser(name, help=summary, description=description, **settings)
