"""Every command line of the documents whose command has arguments behind `--`, or options."""

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
BEHIND_DASHES = [line for line in LINES if " -- " in line]
ECHO = '#!/bin/sh\nprintf "%s\\n" "${0##*/}" "$@"\n'


def arguments_of(line: str) -> list[str]:
    """Return what the command of this line has to get: its name and its arguments."""
    _, _, *words = shlex.split(line)
    return words[1:] if words[0] == "--" else words


def test_the_documents_show_arguments_behind_dashes_for_both() -> None:
    assert {line.split()[0] for line in BEHIND_DASHES} == {"./poetryw", "poetry"}


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("./poetryw")])
def test_poetryw_passes_the_arguments_of_a_documented_line(
    line: str, checkout: Checkout, capfd: pytest.CaptureFixture[str]
) -> None:
    name, *_ = expected = arguments_of(line)
    write_program(checkout.environment / "bin" / name, ECHO)
    assert checkout.run(*shlex.split(line)[1:]) == 0
    assert capfd.readouterr().out.splitlines() == expected


@pytest.mark.parametrize("line", [line for line in BEHIND_DASHES if line.startswith("poetry")])
def test_poetry_passes_the_arguments_of_a_documented_line(line: str, tmp_path: Path) -> None:
    """By a real Poetry, whose own options end at the first `--`."""
    name, *_ = expected = arguments_of(line)
    write_program(tmp_path / "bin" / name, ECHO)
    (tmp_path / "bin/python").symlink_to(shutil.which("python3") or "/usr/bin/python3")
    (tmp_path / "pyvenv.cfg").touch()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "any"\nversion = "1"\n', "utf-8")
    own = ROOT / ".poetry/venv/bin/poetry"
    poetry = shutil.which("poetry") or (str(own) if own.exists() else "")
    if not poetry:
        pytest.skip("there is no Poetry to ask: ./poetryw --version installs one")
    printed = subprocess.run(
        [poetry, "-P", tmp_path, *shlex.split(line)[1:]],
        env={**os.environ, "VIRTUAL_ENV": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert printed.stdout.splitlines() == expected, printed.stderr
