"""Whole suites under the pytest plugin, which must tell what is so and nothing else.

nox -s false_alarms (arguments: the suites' names). Each suite runs without the plugin and with it:
the outcome of each test has to be the same, each finding has to be one that KNOWN says is true, and
both CPU times are printed. Suites of others come as source distributions, at fixed versions.
"""

import json
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun, exit_code
from orm_async_tests.harness import show
from orm_async_tests.postgres import private_server
from orm_async_tests.postgres.paths import home
from orm_async_tests.versions.releases import last_line, pip

ROOT = Path(__file__).parent.parent
PLUGIN = ("-p", "orm_async_tests.pytest_plugin", "--async-orm-baseline-write")
OPTIONS = ("-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-o", "junit_family=xunit1")
HEAD = ("suite", "tests", "true findings", "false alarms", "other outcomes", "CPU s", "with it")
PEER = "advanced-alchemy==1.12.0"
NEEDS = Path(__file__).with_name("advanced_alchemy.txt")  # of its tests
COLLECTED = "the test drops a connection for the garbage collector, and is about just that"
KNOWN = {  # the reason why a finding is true, by a part of a test's id and a kind
    ("test_gc_of_checked_out_connection", "connection"): COLLECTED,
    ("test_appropriate_warning_for_gced_connection", "connection"): COLLECTED,
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
def ours() -> Iterator[Suite]:
    """Those of this project that use the database by the ORM in the tests' own process."""
    paths = ("tests/service", "tests/harness", "tests/migrations", "tests/test_db.py")
    yield Suite(ROOT, sys.executable, paths, {})


@contextmanager
def advanced_alchemy() -> Iterator[Suite]:
    """Its integration tests on aiosqlite and psycopg; those on asyncpg want pgcrypto."""
    name, _, release = PEER.partition("==")
    folder = unpacked(name, release)
    python = environment(folder)
    plugin = ("-p", "embedded_service", "-o", "addopts=", "-m", "aiosqlite or psycopg_async")
    with private_server() as server:
        login = server.login
        variables = {
            "PGHOST": str(login.socket_directory),
            "PGUSER": login.user,
            "PGPASSWORD": login.password,
            "PGDATABASE": db.NAME,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tools")]),
        }
        yield Suite(folder, python, ("tests/integration", *plugin), variables)


SUITES = {"sqlalchemy": sqlalchemy, "ours": ours, "advanced-alchemy": advanced_alchemy}


def main() -> int:
    """Print a table; 1 if there is a false alarm, or a test that ends otherwise."""
    rows: list[tuple[str, ...]] = [HEAD]
    wrong: list[str] = []
    for name in sys.argv[1:] or SUITES:
        with SUITES[name]() as suite:
            bare, watched = run(suite, watched=False), run(suite, watched=True)
        alarms = sorted(each for each in watched.findings if not reason(*each))
        others = sorted(
            test
            for test in bare.outcomes.keys() | watched.outcomes.keys()
            if bare.outcomes.get(test) != watched.outcomes.get(test)
        )
        wrong += [f"{name}: {test} {kind}" for test, kind in alarms]
        wrong += [f"{name}: {test} ends otherwise" for test in others]
        counts = len(watched.outcomes), len(watched.findings) - len(alarms), len(alarms)
        times = f"{bare.cpu:.1f}", f"{watched.cpu:.1f}"
        rows.append((name, *map(str, counts), str(len(others)), *times))
    show.show(show.grid(rows))
    print("".join(f"\nWRONG {each}" for each in wrong))
    return int(bool(wrong))


def reason(test: str, kind: str) -> str:
    """Why a finding is true, if it is known to be."""
    return next((why for (part, each), why in KNOWN.items() if each == kind and part in test), "")


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
