"""Calls of our commands, in this process or in a new one."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Mapping
from unittest.mock import patch

from orm_async_tests import cli, db
from tests.conftest import with_url

Done = subprocess.CompletedProcess[str]


def orm(
    *arguments: str,
    on: db.Database | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
) -> Done:
    """Call orm-async-tests in this process, on a database or on the embedded server.

    This takes milliseconds; a new process takes seconds to import everything.
    """
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, {**(with_url(on) if on else {}), **(env or {})}),
        patch.object(sys, "argv", ["orm-async-tests", *arguments]),
        patch.object(sys, "stdin", io.StringIO(stdin)),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            code = cli.main()
        except SystemExit as stopped:  # argparse
            code = int(stopped.code or 0)
    return Done(arguments, code, out.getvalue(), err.getvalue())


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


def lazy_loading(*arguments: str, on: db.Database, options: tuple[str, ...] = ()) -> Done:
    """Run test5 in a new process, with options of Python's."""
    return subprocess.run(
        [
            sys.executable,
            *options,
            "-m",
            "orm_async_tests.scripts.implicit_io.test005_lazy_loading",
            *arguments,
        ],
        env=with_url(on),
        capture_output=True,
        text=True,
    )
