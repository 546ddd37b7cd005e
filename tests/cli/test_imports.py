"""A command that runs no SQL does not import SQLAlchemy, because the import is slow."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orm_async_tests import scripts
from tests.matrix.sample_records import make_records, write_records

SUBCOMMANDS = (
    *("list", "run", "explain", "why", "audit", "bisect", "matrix", "merge", "diff", "faults"),
    "report",
    *(
        "doctor",
        "db",
        "db url",
        "db status",
        "db start",
        "db stop",
        "db reset",
        "db psql",
        *("db alembic", "db log"),
    ),
)
# Runs all commands in one process and names the first one that imports SQLAlchemy.
RUN_ALL = """
import contextlib, io, json, sys
from orm_async_tests import cli
for words in json.loads(sys.argv[1]):
    sys.argv = ["orm-async-tests", *words]
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            cli.main()
        except SystemExit:
            pass
    if "sqlalchemy" in sys.modules:
        raise SystemExit(f"{' '.join(words)} imports SQLAlchemy")
"""


def test_a_command_that_runs_no_sql_does_not_import_sqlalchemy(tmp_path: Path) -> None:
    file = write_records(tmp_path / "results.ndjson", make_records({5: "HOLDS"}))
    lock = tmp_path / "requirements.txt"
    lock.write_text("sqlalchemy==2.1.9\nasyncpg==0.32.0\n")
    commands = [
        ["--help"],
        *([*name.split(), "--help"] for name in SUBCOMMANDS),
        ["list"],
        ["list", "lazy", "loading"],
        ["list", "--path"],
        ["list", "--since", "2.1"],
        ["explain", "5-7"],
        ["why", "MissingGreenlet"],
        ["audit", str(lock)],
        ["merge", file, "--output", str(tmp_path / "merged")],
        ["diff", file, file],
        ["matrix", "--list", "--preset", "full"],
        ["db", "stop"],
        ["db", "reset"],
        ["db", "log"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", RUN_ALL, json.dumps(commands)],
        env={**os.environ, "ORM_ASYNC_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_the_module_of_a_command_freezes_no_objects() -> None:
    """A new process of a script imports the module too, and test204 lists what is not frozen."""
    count = "print(gc.get_freeze_count())"
    code = f"import gc; {count}; from orm_async_tests.scripts import test204; {count}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = done.stdout.split()
    assert before == after


def test_control_c_during_the_imports_of_a_script_prints_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(scripts, "import_module", interrupt)
    assert scripts.__getattr__("test5")() == 130


def test_a_script_that_python_cannot_read_is_named_with_the_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scripts, "import_module", lambda name: compile("(", f"{name}.py", "exec"))
    assert scripts.__getattr__("test5")() == 2
    error = capsys.readouterr().err
    assert "test005_lazy_loading.py, line 1\n  fix: " in error
