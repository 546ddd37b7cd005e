"""The command `orm-async-tests`."""

import argparse
from typing import Any

from orm_async_tests import errors


def main() -> int:
    """Run the subcommand and return its exit code. The exit code is 0, 1, 77, or 2 if the
    subcommand could not run.
    """
    arguments = build_parser().parse_args()
    return errors.exit_code(lambda: int(arguments.run(arguments)))


def build_parser() -> argparse.ArgumentParser:
    """Return the command line's parser with all subcommands."""
    from orm_async_tests.cli import (
        audit,
        bench,
        bisect,
        database,
        faults,
        lint,
        matrix,
        report_page,
        script_commands,
        why,
    )

    parser = argparse.ArgumentParser(
        prog="orm-async-tests",
        description="Run scripts that prove how SQLAlchemy's asyncio ORM behaves.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    modules = (script_commands, database, why, audit, bisect, matrix, faults, lint, bench)
    for module in (*modules, report_page):
        module.add(commands)
    return parser


def add_command(commands: Any, name: str, summary: str) -> argparse.ArgumentParser:
    """Add a subcommand to argparse's subparsers. The summary begins with a verb. argparse shows the
    summary in the list of subcommands, and in the subcommand's help.
    """
    description = f"{summary[0].upper()}{summary[1:]}."
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=description
    )
    return parser
