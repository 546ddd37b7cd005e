"""SQLAlchemy's own tests against our server, with each asyncio driver: nox -s compliance.

They come with the source distribution of the version that is installed. The tests of
sqlalchemy.ext.asyncio, of the PostgreSQL dialect and of the dialects' common suite are run.
"""

import asyncio
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from sqlalchemy import URL, text

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun, exit_code
from orm_async_tests.harness.report import render
from orm_async_tests.postgres import private_server
from orm_async_tests.postgres.paths import home
from orm_async_tests.versions.releases import last_line, pip

DRIVERS = {"asyncpg": "asyncpg", "psycopg": "psycopg_async"}  # as a URL names them
SUITES = {
    "ext/asyncio": ["test/ext/asyncio"],
    "dialect": ["test/dialect/postgresql"],
    "suite": ["test/dialect/test_suite.py"],
}
SCHEMAS, EXTENSIONS = ("test_schema", "test_schema_2"), ("citext", "hstore")
OPTIONS = ("-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-o", "junit_family=xunit1")
HEAD = ("suite", "driver", "passed", "skipped", "known", "failed", "seconds")
KNOWN = {  # what fails because of our server, by a part of the test's name
    "test_multiple_host_real_connect": "it connects by TCP, and our server has a socket only",
    "test_array_str_collation": "it wants a locale, and our cluster is made without",
}


class Counts(NamedTuple):
    """What became of the tests of one suite."""

    passed: int
    skipped: int
    failed: tuple[str, ...]
    seconds: float


def main() -> int:
    """Print a table; 1 if a test failed that is not known to."""
    release = version("sqlalchemy")
    sources = unpacked(release, home() / "sdists")
    rows: list[tuple[str, ...]] = [HEAD]
    unknown: list[str] = []
    with server() as url:
        for suite, paths in SUITES.items():
            for driver, name in DRIVERS.items():
                print(f"running {suite} with {driver}", file=sys.stderr)
                found = run(sources, paths, url.set(drivername=f"postgresql+{name}"))
                new = [each for each in found.failed if not known(each)]
                unknown += [f"{driver}: {each}" for each in new]
                counts = found.passed, found.skipped, len(found.failed) - len(new), len(new)
                rows.append((suite, driver, *map(str, counts), f"{found.seconds:.0f}"))
    print(f"SQLAlchemy {release}")
    render.show(render.grid(rows))
    print("".join(f"\nFAILED {each}" for each in unknown))
    return int(bool(unknown))


def known(test: str) -> bool:
    """Whether this test fails because of our server."""
    return any(part in test for part in KNOWN)


def unpacked(release: str, folder: Path) -> Path:
    """The folder of a source distribution, which is kept."""
    found = folder / f"sqlalchemy-{release}"
    if found.is_dir():
        return found
    folder.mkdir(parents=True, exist_ok=True)
    source = ("--no-deps", "--no-binary", ":all:", "-d", str(folder))
    done = pip("download", "--quiet", *source, f"sqlalchemy=={release}")
    if done.returncode:
        raise CouldNotRun(last_line(done.stderr), "pip download", "nox -s compliance, with network")
    (archive,) = folder.glob(f"*-{release}.tar.gz")
    with tarfile.open(archive) as packed, tempfile.TemporaryDirectory(dir=folder) as part:
        packed.extractall(part, filter="data")
        next(Path(part).iterdir()).rename(found)
    return found


@contextmanager
def server() -> Iterator[URL]:
    """A private server with what SQLAlchemy's README.unittests asks for."""
    with private_server(max_prepared_transactions="10") as private:
        url = db.with_driver(db.socket_url(private.login), "asyncpg")
        asyncio.run(prepare(db.Database(url, "url", "a private server")))
        yield url


async def prepare(database: db.Database) -> None:
    """Make the schemas and extensions."""
    options = {"isolation_level": "AUTOCOMMIT"}
    async with db.connect(database, "compliance", **options) as connection:
        there = await connection.scalars(text("SELECT name FROM pg_available_extensions"))
        if absent := sorted(set(EXTENSIONS) - set(there)):
            raise CouldNotRun(
                f"this PostgreSQL has no extension {' and no '.join(absent)}",
                "the server's binaries",
                "apt-get install postgresql, then ORM_ASYNC_PG_BIN=/usr/lib/postgresql/15/bin",
            )
        for name in SCHEMAS:
            await connection.execute(text(f"CREATE SCHEMA {name}"))
        for name in EXTENSIONS:
            await connection.execute(text(f"CREATE EXTENSION {name}"))


def run(sources: Path, paths: Sequence[str], url: URL) -> Counts:
    """Run these tests of the source distribution. Raises CouldNotRun if pytest cannot."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        command = [sys.executable, "-m", "pytest", *OPTIONS, f"--junit-xml={report}", *paths]
        uri = url.render_as_string(hide_password=False)
        done = subprocess.run(
            [*command, "--dburi", uri], cwd=sources, capture_output=True, text=True
        )
        if not report.exists():
            said = re.sub(r"//[^@]*@", "//***@", done.stdout + done.stderr)
            what = f"pytest did not run: {said.strip()[-300:]}"
            raise CouldNotRun(what, str(sources), "nox -s compliance")
        cases = [*ElementTree.parse(report).getroot().iter("testcase")]
    bad = [
        each for each in cases if each.find("failure") is not None or each.find("error") is not None
    ]
    skipped = sum(each.find("skipped") is not None for each in cases)
    failed = tuple(f"{each.get('classname')}.{each.get('name')}" for each in bad)
    seconds = time.monotonic() - started
    return Counts(len(cases) - len(bad) - skipped, skipped, failed, seconds)


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
