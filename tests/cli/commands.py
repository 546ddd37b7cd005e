"""Our commands, as processes."""

import os
import subprocess
import sys
from collections.abc import Mapping

from orm_async_tests import db
from tests.conftest import with_url

Done = subprocess.CompletedProcess[str]


def orm(
    *arguments: str,
    on: db.Database | None = None,
    env: Mapping[str, str] | None = None,
    given: str = "",
) -> Done:
    """Run orm-async-tests, on a database or the embedded server's own, with variables and input."""
    environment = with_url(on) if on else dict(os.environ)
    return subprocess.run(
        [sys.executable, "-m", "orm_async_tests", *arguments],
        env={**environment, **(env or {})},
        input=given,
        capture_output=True,
        text=True,
    )


def lazy_loading(*arguments: str, on: db.Database, options: tuple[str, ...] = ()) -> Done:
    """Run test5 by itself, with options of Python's."""
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
