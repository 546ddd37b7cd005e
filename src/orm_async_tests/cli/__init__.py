"""The command `orm-async-tests`."""

import argparse

from orm_async_tests import errors


def main() -> int:
    """Run the subcommand, and return its exit code, which is 0, 1, 77, or 2 if it could not run."""
    arguments = build_parser().parse_args()
    return errors.exit_code(lambda: int(arguments.run(arguments)))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, with all subcommands."""
    from orm_async_tests.cli import (
        audit,
        bench,
        bisect,
        database,
        doctor,
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
    script_commands.add(commands)
    database.add(commands)
    doctor.add(commands)
    why.add(commands)
    audit.add(commands)
    bisect.add(commands)
    matrix.add(commands)
    faults.add(commands)
    lint.add(commands)
    bench.add(commands)
    report_page.add(commands)
    return parser
