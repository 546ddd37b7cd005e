"""Runs pytest in a separate process, on copies of a user's test suites.

The fixture `pytester` runs pytest in the same process and forgets imported modules, but asyncpg
cannot be imported twice.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import URL

SUITES = Path(__file__).parent / "suites"
ROOT = SUITES.parents[2]
INI = "[pytest]\npython_files = *.py\nasyncio_default_fixture_loop_scope = function\n"
PLUGIN = "orm_async_tests.pytest_plugin"
RUNNERS = {"asyncio": "pytest_asyncio.plugin", "anyio": "anyio.pytest_plugin"}


def copy_suites(folder: Path, *names: str) -> None:
    """Copy suites into a folder with a separate configuration."""
    (folder / "pytest.ini").write_text(INI)
    for name in names:
        target = "conftest.py" if name == "owner_fixtures.py" else name
        (folder / target).write_bytes((SUITES / name).read_bytes())


def run_pytest(
    folder: Path, url: URL, *arguments: str, runner: str = "asyncio", **variables: str
) -> pytest.RunResult:
    """Run pytest in a folder with only two plugins: this plugin, and one for async tests."""
    inherited = {name: value for name, value in os.environ.items() if name[:7] != "PYTEST_"}
    environment = {
        **inherited,
        "URL": url.render_as_string(hide_password=False),
        "RUNNER": runner,
        "PYTHONPATH": str(ROOT),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        **variables,
    }
    options = ("-p", PLUGIN, "-p", RUNNERS[runner], "--tb", "native")  # the fastest traceback
    command = [sys.executable, "-m", "pytest", *options, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    print(done.stdout, done.stderr)
    lines = done.stdout.splitlines(), done.stderr.splitlines()
    return pytest.RunResult(done.returncode, *lines, duration=0)
