"""Programs start through a launcher, end with their parent, and do not run as root."""

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orm_async_tests.postgres import launcher
from orm_async_tests.postgres.launcher import launch_command

SOURCES = Path(launcher.__file__).parents[2]
PARENT = """
import signal, subprocess, sys
from orm_async_tests.postgres.launcher import launch_command
command = launch_command(["sh", "-c", "echo ready; exec cat"], signal.SIGKILL, as_nobody=False)
subprocess.Popen(command, stdin=subprocess.PIPE)
sys.stdin.read()
"""


def run(*command: str, as_nobody: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run a command through the launcher."""
    launch = launch_command(command, signal.SIGKILL, as_nobody=as_nobody)
    return subprocess.run(launch, capture_output=True, text=True)


def test_output_and_exit_code_are_the_programs() -> None:
    result = run("sh", "-c", "echo out; echo err >&2; exit 7")
    assert (result.stdout, result.stderr, result.returncode) == ("out\n", "err\n", 7)


def test_root_becomes_nobody_only_where_a_program_refuses_root() -> None:
    uid = os.geteuid()
    assert run("id", "-u").stdout == f"{uid or launcher.NOBODY}\n"
    assert run("id", "-u", as_nobody=False).stdout == f"{uid}\n"


@pytest.mark.parametrize("program", ["/no/such/program", "/etc/passwd", "/"])
def test_a_program_that_does_not_start_is_named(program: str) -> None:
    result = run(program)
    assert result.returncode == launcher.NO_PROGRAM
    assert result.stderr.startswith(f"{program}: ")
    assert len(result.stderr.splitlines()) == 1


def test_a_program_ends_with_its_parent_however_that_dies() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    parent.kill()
    assert parent.stdout.read() == ""  # the program had the other end of this pipe
    parent.communicate()


def test_a_program_whose_parent_is_dead_already_does_not_start() -> None:
    command = launch_command(["echo", "started"], signal.SIGKILL)
    command[4] = "1"  # not the PID of this process
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.stdout, result.returncode) == ("", launcher.NO_PARENT)


def test_no_python_code_runs_between_fork_and_exec() -> None:
    """If another thread holds a lock during a fork, the lock stays locked in the child process."""
    users = [
        str(path)
        for path in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "preexec_fn"
    ]
    assert users == []
