"""The sessions of `poetry run nox`. Each docstring says who needs the session.

Sessions that need only the locked environment run in it.
"""

import shutil
import subprocess
import sys
from functools import partial
from itertools import product
from pathlib import Path
from urllib.request import urlopen

import nox
from packaging.requirements import Requirement

nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True  # a skipped session must not look like success

SHELL_SCRIPTS = ("poetryw", ".ci/run")
PROFILES = ("--profile", "service", "--profile", "scale")  # of docker-compose.yml
EDGES = [  # Python, SQLAlchemy, drivers
    ("3.11", "oldest 2.0", "oldest"),
    ("3.12", "oldest 2.0", "newest"),  # Python 3.13 needs SQLAlchemy 2.0.31
    ("3.12", "newest 2.0", "oldest"),
    ("3.13", "newest 2.0", "newest"),
    ("3.12", "oldest 2.1", "oldest"),
    ("3.11", "oldest 2.1", "newest"),
    ("3.13", "newest 2.1", "oldest"),
    ("3.12", "newest 2.1", "newest"),
]
PROCESSES = "3"  # of pytest, on at least two cores: tests wait for servers a third of their time
SECOND_FAULTS = ("cancel", "shutdown", "terminate")  # during the clean-up after the first
STANDARD = ("--preset", "standard")
UP = ("up", "-d", "--wait", "--build")


def python(session: nox.Session, *arguments: str, **variables: str) -> None:
    """Run Python from the environment that runs nox, which is Poetry's."""
    session.run(sys.executable, *arguments, external=True, env=variables)


def pytest(session: nox.Session, *arguments: str) -> None:
    """Run pytest on several processes.

    Where bytecode may not be written beside the sources, write it into nox's folder: the tests
    start hundreds of processes, and each would compile every module anew.
    """
    variables = {}
    if sys.dont_write_bytecode:
        folder = str(session.cache_dir.absolute() / "bytecode")
        variables = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder}
    options = ["-n", PROCESSES, "--dist", "worksteal", *arguments, *session.posargs]
    python(session, "-m", "pytest", *options, **variables)


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Before a commit: Ruff's rules and format, and shellcheck (arguments: ruff check's)."""
    python(session, "-m", "ruff", "check", *session.posargs)
    python(session, "-m", "ruff", "format", "--check")
    session.run(str(Path(sys.executable).with_name("shellcheck")), *SHELL_SCRIPTS, external=True)


@nox.session(venv_backend="none")
def fmt(session: nox.Session) -> None:
    """While you edit: format, and repair what Ruff can repair (arguments: ruff check's)."""
    python(session, "-m", "ruff", "check", "--fix", *session.posargs)
    python(session, "-m", "ruff", "format")


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Before a commit: mypy, strict, and basedpyright (arguments: mypy's)."""
    other = [sys.executable, "-m", "basedpyright", "--threads", "2"]  # it has no cache
    with subprocess.Popen(other, stdout=subprocess.PIPE, text=True) as basedpyright:
        python(session, "-m", "mypy", *session.posargs)  # takes a second if its cache is warm
        output, _ = basedpyright.communicate()
    if basedpyright.returncode:
        session.error(f"basedpyright fails:\n{output}")
    session.log(f"basedpyright: {output.strip()}")


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """For every change: the tests, on several processes (arguments: pytest's)."""
    pytest(session)


@nox.session(venv_backend="none")
def thorough(session: nox.Session) -> None:
    """Before a release: the slow tests that rarely break (arguments: pytest's)."""
    pytest(session, "-m", "thorough")


@nox.session(venv_backend="none")
def scripts(session: nox.Session) -> None:
    """For a change in a script: run the scripts (arguments: orm-async-tests run's)."""
    python(session, "-m", "orm_async_tests", "run", *(session.posargs or ["--all"]))


@nox.session(venv_backend="none")
def faults(session: nox.Session) -> None:
    """For a change in the sweep: faults at every point (arguments: orm-async-tests faults')."""
    sweep = ["-m", "orm_async_tests", "faults"]
    if session.posargs:
        python(session, *sweep, *session.posargs)
        return
    for driver, loop in product(("asyncpg", "psycopg"), ("asyncio", "uvloop")):
        stack = ["--driver", driver, "--loop", loop]
        python(session, *sweep, *stack)
        python(session, *sweep, *stack, *(f"--fault=cancel+{kind}" for kind in SECOND_FAULTS))
        python(session, *sweep, *stack, "--fault=down")
    python(session, *sweep, "--fault=stall", "--fault=partition")
    python(session, *sweep, "--driver=psycopg", "--pattern=read_untimed", "--fault=stall")


@nox.session(venv_backend="none")
def generate(session: nox.Session) -> None:
    """For a new script: write the generated texts (arguments: tools/generate.py's)."""
    python(session, "tools/generate.py", *session.posargs)


@nox.session(venv_backend="none")
def compat(session: nox.Session) -> None:
    """For a new defect: write docs/compat.json (arguments: claims or defects)."""
    for arguments in [session.posargs] if session.posargs else [["defects"], ["claims"]]:
        python(session, "tools/compat.py", *arguments)


@nox.session(venv_backend="none")
def matrix(session: nox.Session) -> None:
    """For an upgrade: the scripts on many stacks (arguments: orm-async-tests matrix's)."""
    python(session, "-m", "orm_async_tests", "matrix", *(session.posargs or STANDARD))


@nox.session(venv_backend="none")
def site(session: nox.Session) -> None:
    """For a reader: the report and its catalogue as a folder (arguments: result files)."""
    python(session, "-m", "orm_async_tests", "report", "--site", "site", *session.posargs)


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """For a figure in the docs: run benchmarks (arguments: their names, then options)."""
    python(session, "-m", "benchmarks", *session.posargs)


@nox.session(venv_backend="none")
def compose(session: nox.Session) -> None:
    """For a change in docker/: check the compose file and run it (arguments: test1's)."""
    if not succeeds("docker", "compose", "version"):
        session.skip("there is no docker compose: install Docker's compose plugin")
    docker = partial(session.run, "docker", "compose", external=True)
    docker("config", "-q")
    docker(*PROFILES, "config", "-q")
    if not succeeds("docker", "info"):
        session.skip("the compose file is valid, but was not started: no Docker daemon answers")
    read = partial(docker, *PROFILES, silent=True, stderr=None)
    try:
        docker(*UP)
        test1 = ["-m", "orm_async_tests", "run", "1", "--db", "compose"]
        python(session, *test1, *session.posargs)
        docker("--profile", "service", *UP)
        check_service(str(read("port", "service", "8000")))
        docker("--profile", "scale", *UP)
        check_service(str(read("port", "proxy", "8080")))
        replica, *_ = str(read("ps", "-q", "replica")).split()
        session.run("docker", "kill", replica, external=True)
        check_service(str(read("port", "proxy", "8080")))
    finally:
        docker(*PROFILES, "down", "-v")


def check_service(address: str) -> None:
    """Request the service's readiness and users ten times; any answer but a success raises."""
    for path in ["/health/ready", "/users"] * 10:
        urlopen(f"http://{address.strip()}{path}", timeout=30).close()


def succeeds(*command: str) -> bool:
    """Return whether the command exists and succeeds."""
    exists = shutil.which(command[0]) is not None
    return exists and subprocess.run(command, capture_output=True).returncode == 0


@nox.session(python=False)
def build(session: nox.Session) -> None:
    """Before a release: install the wheel and run test1 (arguments: test1's)."""
    folder = Path(session.create_tmp(), "a wheel").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    python(session, "-m", "pip", "wheel", "--no-deps", "-w", str(folder), ".")
    session.run(sys.executable, "-m", "venv", str(folder / "venv"), external=True)
    (wheel,) = folder.glob("*.whl")
    installed = str(folder / "venv/bin/python")
    session.run(installed, "-m", "pip", "install", "-q", f"{wheel}[scripts]", external=True)
    with session.chdir(folder):
        test1 = str(folder / "venv/bin/test1")
        session.run(test1, *session.posargs, external=True)


@nox.session(reuse_venv=False)
@nox.parametrize(("python", "sqlalchemy", "drivers"), EDGES)
def edges(session: nox.Session, sqlalchemy: str, drivers: str) -> None:
    """Before a release: scripts on the oldest and newest versions (arguments: run's)."""
    minor_version = sqlalchemy.split()[-1]
    lowest = oldest("sqlalchemy") if minor_version == "2.0" else "==2.1.0"
    pins = [f"sqlalchemy[asyncio]{lowest}"]
    if sqlalchemy.startswith("newest"):
        pins = [f"sqlalchemy[asyncio]~={minor_version}.0"]
    if drivers == "oldest":
        pins += [f"asyncpg{oldest('asyncpg')}", f"psycopg[binary]{oldest('psycopg')}"]
    session.install(*pins, ".[scripts,anyio,psycopg,service,uvloop]", "httpx")
    for driver in ("asyncpg", "psycopg"):
        run = ["-m", "orm_async_tests", "run", "--all", "--driver", driver]
        session.run("python", *run, *session.posargs)


def oldest(library: str) -> str:
    """Return a pin of the lower bound that pyproject.toml declares."""
    extras = nox.project.load_toml("pyproject.toml")["project"]["optional-dependencies"]
    declared = [*extras["scripts"], *extras["psycopg"]]
    (requirement,) = (item for item in map(Requirement, declared) if item.name == library)
    return next(f"=={bound.version}" for bound in requirement.specifier if bound.operator == ">=")
