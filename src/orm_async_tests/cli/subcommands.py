"""Adds subcommands to the command line."""

import argparse
from typing import Any


def add_command(commands: Any, name: str, summary: str) -> argparse.ArgumentParser:
    """Add a subcommand to argparse's subparsers. The summary of the subcommand begins with a verb.

    argparse shows the summary in the list of subcommands, and in the help of the subcommand.
    """
    description = f"{summary[0].upper()}{summary[1:]}."
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=description
    )
    return parser
