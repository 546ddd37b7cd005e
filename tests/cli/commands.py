"""Helpers that call this project's commands in this process or in a new process."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from alembic.config import main as alembic

from orm_async_tests import catalogue, cli, db
from orm_async_tests.service.serve import main as serve
from tests.conftest import with_url

Done = subprocess.CompletedProcess[str]
ROOT = Path(__file__).parent.parent.parent
DATABASE_COMMANDS: dict[str, tuple[Callable[[], Any], list[str]]] = {  # they take a database URL
    "test5": (lambda: catalogue.select_one("5").load().main(), []),
    "run": (cli.main, ["run", "5"]),
    "status": (cli.main, ["db", "status"]),
    "psql": (cli.main, ["db", "psql", "--", "-c", "SELECT 1"]),
    "faults": (cli.main, ["faults", "--pattern", "add", "--fault", "cancel"]),
    "doctor": (cli.main, ["doctor"]),
    "serve": (serve, ["--port", "0"]),
    "alembic": (lambda: alembic(), ["-c", str(ROOT / "alembic.ini"), "upgrade", "head"]),
}


def call(
    main: Callable[[], int],
    *arguments: str,
    on: db.Database | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | bytes = "",
) -> Done:
    """Call a command's main function in this process, on a database or on the embedded server.

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


orm = partial(call, cli.main)


def assert_refused(*names: str) -> str:
    """Assert that these commands exit with 2 and print errors of three parts.

    Return what the commands print.
    """
    printed = ""
    for name in names:
        main, arguments = DATABASE_COMMANDS[name]
        done = call(main, *arguments)
        output = done.stdout + done.stderr
        assert (name, done.returncode) == (name, 2), output
        assert "\n  where: " in output
        assert "\n  fix:   " in output
        assert "Traceback" not in output
        printed += output
    return printed


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
