"""The subcommand `orm-async-tests lint`, which finds misuse of async SQLAlchemy in source code."""

import argparse

from orm_async_tests.cli import command


@command(
    "lint",
    "find misuse of async SQLAlchemy in source code",
    """
    [PATH...]               files and folders (without a path: the current folder); - reads
        standard input
    --format text|concise|json|sarif|github|gitlab  the format of the output (default: text)
    --select CODES...       run only these rules: codes or their beginnings, for example
        OAT1,OAT201
    --ignore CODES...       do not run these rules: codes or their beginnings
    --exclude PATTERN...    skip the paths that match this pattern of .gitignore syntax
    --stdin-filename FILE   the file name to show for source code from standard input
    --baseline FILE         do not show the known findings that this file lists
    --include-tests         also check tests and migrations
    --write-baseline        write all findings to the baseline file
    --fix                   correct findings where a change of the source is safe
    --warn-unused-ignores   also report comments that suppress nothing
    --exit-zero             exit with code 0 even if there are findings
    --no-cache              check every file again, and do not store the results
    -j, --jobs N            processes (without this option: as many as there are CPUs)
    """,
)
def lint(arguments: argparse.Namespace) -> int:
    from orm_async_tests.lint.lint_command import run

    return run(arguments)
