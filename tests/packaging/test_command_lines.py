"""Documented command lines that pass arguments after `--`."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT, Checkout, write_program

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
COMMAND = re.compile(r"((?:\./poetryw|poetry) run [^`#\n|]*)")
LINES = sorted(
    {line.strip() for path in DOCUMENTS for line in COMMAND.findall(path.read_text("utf-8"))}
)
FOR_POETRYW = [line for line in LINES if line.startswith("./poetryw")]
FOR_POETRY = [line for line in LINES if line.startswith("poetry") and " -- " in line]
ECHO = '#!/bin/sh\nprintf "%s\\n" "${0##*/}" "$@"\n'


def arguments_of(line: str) -> list[str]:
    """Return the name of the command, and the arguments that it must get."""
    _, _, *words = shlex.split(line)
    return words[1:] if words[0] == "--" else words


def test_the_documents_end_poetrys_options_before_a_command_with_options() -> None:
    assert any(" -- " in line for line in FOR_POETRYW)
    assert [line for line in FOR_POETRY if not line.startswith("poetry run -- ")] == []


@pytest.mark.parametrize("line", FOR_POETRYW)
def test_poetryw_passes_the_arguments_of_a_documented_line(
    line: str, checkout: Checkout, capfd: pytest.CaptureFixture[str]
) -> None:
    name, *_ = expected = arguments_of(line)
    write_program(checkout.environment / "bin" / name, ECHO)
    assert checkout.run(*shlex.split(line)[1:]) == 0
    assert capfd.readouterr().out.splitlines() == expected


@pytest.mark.parametrize(
    "line",
    [FOR_POETRY[0], *(pytest.param(line, marks=pytest.mark.thorough) for line in FOR_POETRY[1:])],
)
def test_poetry_passes_the_arguments_of_a_documented_line(line: str, tmp_path: Path) -> None:
    """Poetry reads its options up to the first `--`."""
    name, *_ = expected = arguments_of(line)
    write_program(tmp_path / "bin" / name, ECHO)
    (tmp_path / "bin/python").symlink_to(shutil.which("python3") or "/usr/bin/python3")
    (tmp_path / "pyvenv.cfg").touch()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "any"\nversion = "1"\n', "utf-8")
    installed = ROOT / ".poetry/venv/bin/poetry"  # by poetryw
    poetry = shutil.which("poetry") or (str(installed) if installed.exists() else "")
    if not poetry:
        pytest.skip("there is no Poetry to ask: ./poetryw --version installs one")
    printed = subprocess.run(
        [poetry, "-P", tmp_path, *shlex.split(line)[1:]],
        env={**os.environ, "VIRTUAL_ENV": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert printed.stdout.splitlines() == expected, printed.stderr
