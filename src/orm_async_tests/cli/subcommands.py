"""Adds subcommands to the command line."""

import argparse
from typing import Any


def add_command(commands: Any, name: str, summary: str) -> argparse.ArgumentParser:
    """Add a subcommand to argparse's subparsers; the summary starts with a verb.

    The summary is shown in the list of subcommands and at the top of the subcommand's help.
    """
    description = f"{summary[0].upper()}{summary[1:]}."
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=description
    )
    return parser
