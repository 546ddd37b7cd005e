"""Helpers that call this project's commands in this process or in a new process."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from unittest.mock import patch

from orm_async_tests import catalogue, cli, db
from tests.conftest import with_url

Done = subprocess.CompletedProcess[str]


def call(
    main: Callable[[], int],
    *arguments: str,
    on: db.Database | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | bytes = "",
) -> Done:
    """Call a command's main function in this process.

    The call takes milliseconds, but a new process needs seconds for its imports.
    """
    out, err = io.StringIO(), io.StringIO()
    data = io.BytesIO(stdin if isinstance(stdin, bytes) else stdin.encode())
    with (
        patch.dict(os.environ, {**(with_url(on) if on else {}), **(env or {})}),
        patch.object(sys, "argv", ["command", *arguments]),
        patch.object(sys, "stdin", io.TextIOWrapper(data)),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            code = main()
        except SystemExit as stopped:  # argparse
            code = int(stopped.code or 0)
    return Done(arguments, code, out.getvalue(), err.getvalue())


def orm(
    *arguments: str,
    on: db.Database | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | bytes = "",
) -> Done:
    """Call orm-async-tests in this process, on a database or on the embedded server."""
    return call(cli.main, *arguments, on=on, env=env, stdin=stdin)


def lazy_loading(*arguments: str, on: db.Database) -> Done:
    """Call test5 in this process."""
    return call(catalogue.select_one("5").load().main, *arguments, on=on)


def orm_process(
    *arguments: str, on: db.Database | None = None, env: Mapping[str, str] | None = None
) -> Done:
    """Run orm-async-tests in a new process, on a database or on the embedded server."""
    environment = with_url(on) if on else dict(os.environ)
    return subprocess.run(
        [sys.executable, "-m", "orm_async_tests", *arguments],
        env={**environment, **(env or {})},
        capture_output=True,
        text=True,
    )
