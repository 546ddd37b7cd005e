"""Whole suites under the pytest plugin, which must tell what is so and nothing else.

nox -s false_alarms (arguments: the suites' names). Each suite runs without the plugin and with it:
the outcome of each test has to be the same, each finding has to be one that KNOWN says is true, and
both CPU times are printed. Suites of others come as source distributions, at fixed versions.
advanced-alchemy's wants a PostgreSQL with pgcrypto, which the embedded one does not have: the one
of ORM_ASYNC_PG_BIN, else the newest of Debian's. Its tests of databases that are not here are left
out (OTHERS), and so are those of ours that misuse SQLAlchemy on purpose, or in other processes.
"""

import asyncio
import functools
import json
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch
from xml.etree import ElementTree

from sqlalchemy import text

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun, exit_code
from orm_async_tests.harness.report import render
from orm_async_tests.postgres import private_server
from orm_async_tests.postgres.binaries import VARIABLE
from orm_async_tests.postgres.cluster import Login
from orm_async_tests.postgres.paths import home
from orm_async_tests.versions.releases import last_line, pip

ROOT = Path(__file__).parent.parent
PLUGIN = ("-p", "orm_async_tests.pytest_plugin", "--async-orm-baseline-write")
OPTIONS = ("-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-o", "junit_family=xunit1")
HEAD = (
    "suite",
    "tests",
    "passed",
    "true findings",
    "false alarms",
    "other outcomes",
    "CPU s",
    "with it",
)
PEER = "advanced-alchemy==1.12.0"
NEEDS = Path(__file__).with_name("advanced_alchemy.txt")  # of its tests
OTHERS = (  # marks of its tests on databases that are not here
    "asyncmy",
    "cockroachdb_async",
    "cockroachdb_sync",
    "mssql_async",
    "mssql_sync",
    "oracledb_async",
    "oracledb_sync",
    "spanner",
)
ELSEWHERE = "s3_basic or test_oracledb_json"  # words of others that want a server of Docker's
DEBIAN = Path("/usr/lib/postgresql")
INSTALL = "apt-get install postgresql, or ORM_ASYNC_PG_BIN=/folder/with/postgres"
STOPPED = "the Flask extension stops the loop of its engine, which it does not dispose"
RESTARTED = "the Flask extension goes on in another loop, with the same engine"
UNDISPOSED = "the test makes the engine and a table in it, and leaves it so"
CLIENTS = "the test makes a table by the engine in its own loop, and its client's app has another"
BROKEN = "the test is about a script that does just this, and breaks"
FAULTY = "a fault of the test's leaves the connection to the collector, as SQLAlchemy says too"
WRONG = "the script's wrong variants run too, and do just this"
KNOWN = {  # the reason why a finding is true, by a part of a test's id and a kind
    ("test_extensions/test_flask.py", "engine"): STOPPED,
    ("test_extensions/test_flask.py", "loop"): RESTARTED,
    ("test_dto_to_async_service", "engine"): UNDISPOSED,
    ("test_litestar_is_async_context", "engine"): UNDISPOSED,
    ("test_plugin_is_async_context", "engine"): UNDISPOSED,
    ("test_docs_store_based_session_pattern", "engine"): CLIENTS,
    ("test_docs_store_based_session_pattern", "loop"): CLIENTS,
    ("test_docs_backend_based_session_pattern", "engine"): CLIENTS,
    ("test_docs_backend_based_session_pattern", "loop"): CLIENTS,
    ("is_broken_by[a connection that is not given back]", "connection"): BROKEN,
    ("is_broken_by[a raw connection that is not closed]", "engine"): BROKEN,
    ("is_broken_by[a session that is not closed]", "transaction"): BROKEN,
    ("what_a_way_is_about_is_left_to_its_check[leaks]", "connection"): BROKEN,
    ("test_a_pattern_survives_every_fault_at_every_point", "connection"): FAULTY,
    ("work_without_the_harness[test26]", "two-tasks"): WRONG,
    ("work_without_the_harness[test27]", "two-tasks"): WRONG,
    ("work_without_the_harness[test27]", "connection"): WRONG,
    ("work_without_the_harness[test83]", "connection"): WRONG,
    ("work_without_the_harness[test129]", "loop"): WRONG,
}


class Suite(NamedTuple):
    """A suite, where it is and what runs it."""

    folder: Path
    python: str
    arguments: Sequence[str]
    variables: Mapping[str, str]


class Ran(NamedTuple):
    """What became of it."""

    outcomes: Mapping[str, str]
    findings: frozenset[tuple[str, str]]
    cpu: float


@contextmanager
def sqlalchemy() -> Iterator[Suite]:
    """SQLAlchemy's own tests of sqlalchemy.ext.asyncio."""
    folder = unpacked("sqlalchemy", version("sqlalchemy"))
    with tempfile.TemporaryDirectory() as own:
        url = f"sqlite+aiosqlite:///{own}/test.sqlite"
        yield Suite(folder, sys.executable, ("test/ext/asyncio", "--dburi", url), {})


@contextmanager
def ours(*paths: str) -> Iterator[Suite]:
    """Some of this project's tests, in which the ORM is used in the tests' own process."""
    yield Suite(ROOT, sys.executable, paths, {})


@contextmanager
def advanced_alchemy(tests: str) -> Iterator[Suite]:
    """Some of its tests: those of SQLite, DuckDB and PostgreSQL, and those of no database."""
    name, _, release = PEER.partition("==")
    folder = unpacked(name, release)
    python = environment(folder)
    plugin = ("-p", "embedded_service", "-o", "addopts=")
    chosen = ("-m", f"not ({' or '.join(OTHERS)})", "-k", f"not ({ELSEWHERE})")
    with pgcrypto() as login:
        variables = {
            "PGHOST": str(login.socket_directory),
            "PGUSER": login.user,
            "PGPASSWORD": login.password,
            "PGDATABASE": db.NAME,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tools")]),
        }
        yield Suite(folder, python, (tests, *plugin, *chosen), variables)


@contextmanager
def pgcrypto() -> Iterator[Login]:
    """A private server that has this extension. Raises CouldNotRun."""
    *_, newest = "system", *sorted(map(str, DEBIAN.glob("*/bin")))
    chosen = os.environ.get(VARIABLE, newest)
    with patch.dict(os.environ, {VARIABLE: chosen}), private_server() as server:
        url = db.with_driver(db.socket_url(server.login), "asyncpg")
        if not asyncio.run(has_pgcrypto(db.Database(url, "url", "a private server"))):
            raise CouldNotRun("this PostgreSQL has no extension pgcrypto", chosen, INSTALL)
        yield server.login


async def has_pgcrypto(database: db.Database) -> bool:
    """Whether it could be created."""
    query = text("SELECT count(*) FROM pg_available_extensions WHERE name = 'pgcrypto'")
    async with db.connect(database, "false alarms") as connection:
        return bool(await connection.scalar(query))


OURS = {
    "service": ("tests/service", "--ignore=tests/service/test_crashes.py"),  # it serves elsewhere
    "harness": ("tests/harness", "tests/test_db.py", "tests/test_isolation.py"),
    "lifted": ("tests/test_lifted.py", "tests/test_poolers.py", "tests/test_docs.py"),
    "migrations": ("tests/migrations", "tests/postgres"),
    "faults": ("tests/faults",),
}
SUITES: Mapping[str, Callable[[], AbstractContextManager[Suite]]] = {
    "sqlalchemy": sqlalchemy,
    "advanced-alchemy/unit": functools.partial(advanced_alchemy, "tests/unit"),
    "advanced-alchemy/integration": functools.partial(advanced_alchemy, "tests/integration"),
    **{f"ours/{name}": functools.partial(ours, *paths) for name, paths in OURS.items()},
}


def main() -> int:
    """Print a table; 1 if there is a false alarm, or a test that ends otherwise."""
    rows: list[tuple[str, ...]] = [HEAD]
    wrong: list[str] = []
    names = sys.argv[1:] or list(SUITES)
    if absent := [name for name in names if name not in SUITES]:
        remedy = f"nox -s false_alarms -- {' '.join(SUITES)}"
        raise CouldNotRun("there is no such suite", ", ".join(absent), remedy)
    for name in names:
        bare, watched = ran(name, watched=False), ran(name, watched=True)
        alarms = sorted(each for each in watched.findings if not reason(*each))
        others = sorted(
            test
            for test in bare.outcomes.keys() | watched.outcomes.keys()
            if bare.outcomes.get(test) != watched.outcomes.get(test)
        )
        wrong += [f"{name}: {test} {kind}" for test, kind in alarms]
        wrong += [f"{name}: {test} ends otherwise" for test in others]
        passed = list(watched.outcomes.values()).count("passed")
        true = len(watched.findings) - len(alarms)
        counts = len(watched.outcomes), passed, true, len(alarms)
        times = f"{bare.cpu:.1f}", f"{watched.cpu:.1f}"
        rows.append((name, *map(str, counts), str(len(others)), *times))
    render.show(render.grid(rows))
    print("".join(f"\nWRONG {each}" for each in wrong))
    return int(bool(wrong))


def reason(test: str, kind: str) -> str:
    """Why a finding is true, if it is known to be."""
    return next((why for (part, each), why in KNOWN.items() if each == kind and part in test), "")


def ran(name: str, *, watched: bool) -> Ran:
    """A run of this suite, on a new server: tests leave rows behind."""
    print(f"running {name} {'with' if watched else 'without'} the plugin", file=sys.stderr)
    with SUITES[name]() as suite:
        return run(suite, watched=watched)


def run(suite: Suite, *, watched: bool) -> Ran:
    """Run it, and read its reports. Raises CouldNotRun if pytest cannot."""
    with tempfile.TemporaryDirectory() as folder:
        report, known = Path(folder, "junit.xml"), Path(folder, "known.json")
        plugin = (*PLUGIN, f"--async-orm-baseline={known}") if watched else ()
        command = [suite.python, "-m", "pytest", *OPTIONS, f"--junit-xml={report}", *plugin]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [*command, *suite.arguments],
            cwd=suite.folder,
            env={**os.environ, **suite.variables},
            capture_output=True,
            text=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if not report.exists():
            what = f"pytest did not run: {(done.stdout + done.stderr).strip()[-300:]}"
            raise CouldNotRun(what, str(suite.folder), "nox -s false_alarms")
        cases = [*ElementTree.parse(report).getroot().iter("testcase")]
        found = json.loads(known.read_text("utf-8")) if watched else {}
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    findings = frozenset((test, kind) for test, kinds in found.items() for kind in kinds)
    return Ran({name_of(case): outcome(case) for case in cases}, findings, cpu)


def name_of(case: ElementTree.Element) -> str:
    """Its class and name."""
    return f"{case.get('classname')}.{case.get('name')}"


def outcome(case: ElementTree.Element) -> str:
    """What the report says of a test."""
    bad = [each.tag for each in case if each.tag in ("failure", "error", "skipped")]
    return " ".join(sorted(bad)) or "passed"


def unpacked(name: str, release: str) -> Path:
    """The folder of a source distribution, which is kept."""
    folder = home() / "sdists"
    found = folder / f"{name}-{release}"
    if found.is_dir():
        return found
    folder.mkdir(parents=True, exist_ok=True)
    options = ("--no-deps", "--no-binary", name, "-d", str(folder))
    done = pip("download", "--quiet", *options, f"{name}=={release}")
    if done.returncode:
        remedy = "nox -s false_alarms, with network"
        raise CouldNotRun(last_line(done.stderr), "pip download", remedy)
    (archive,) = folder.glob(f"{name.replace('-', '_')}-{release}.tar.gz")
    with tarfile.open(archive) as packed, tempfile.TemporaryDirectory(dir=folder) as part:
        packed.extractall(part, filter="data")
        next(Path(part).iterdir()).rename(found)
    return found


def environment(folder: Path) -> str:
    """The Python of a suite's own environment, which is kept; the stamp is written last."""
    own = folder.with_name(f"{folder.name}-env")
    python, stamp = own / "bin/python", own / "installed"
    if not stamp.exists():
        print(f"installing what {folder.name} needs", file=sys.stderr)
        venv.create(own, clear=True, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", str(folder), "-r", str(NEEDS)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            remedy = "nox -s false_alarms, with network"
            raise CouldNotRun(last_line(done.stderr), "pip install", remedy)
        stamp.touch()
    return str(python)


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
