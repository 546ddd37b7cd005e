"""The checks. Sessions that need only the locked environment run in it: poetry run nox."""

import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from urllib.request import urlopen

import nox
from packaging.requirements import Requirement

nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True  # what was not run is no pass

SHELL_SCRIPTS = ("poetryw", ".ci/run")
PROFILES = ("--profile", "service", "--profile", "scale")  # of docker-compose.yml
EDGES = [  # Python, SQLAlchemy, drivers
    ("3.11", "oldest 2.0", "oldest"),
    ("3.13", "oldest 2.0", "newest"),
    ("3.12", "newest 2.0", "oldest"),
    ("3.13", "newest 2.0", "newest"),
    ("3.12", "oldest 2.1", "oldest"),
    ("3.11", "oldest 2.1", "newest"),
    ("3.13", "newest 2.1", "oldest"),
    ("3.12", "newest 2.1", "newest"),
]
SECOND = ("cancel", "shutdown", "terminate")  # faults during a clean-up
STANDARD = ("--preset", "standard")
RATIOS = ["-m", "orm_async_tests", "bench"]
COMMANDS = {"ratios": RATIOS, "peers": [*RATIOS, "--peers"]}  # of the bench, else a program
UP = ("up", "-d", "--wait", "--build")


def python(session: nox.Session, *arguments: str) -> None:
    """Run a module or a file by the Python that runs nox: the Poetry environment's."""
    session.run(sys.executable, *arguments, external=True)


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Ruff's rules and format, and shellcheck (arguments: ruff check's)."""
    python(session, "-m", "ruff", "check", *session.posargs)
    python(session, "-m", "ruff", "format", "--check")
    session.run(str(Path(sys.executable).with_name("shellcheck")), *SHELL_SCRIPTS, external=True)


@nox.session(venv_backend="none")
def fmt(session: nox.Session) -> None:
    """Format, and repair what Ruff can repair (arguments: ruff check's)."""
    python(session, "-m", "ruff", "check", "--fix", *session.posargs)
    python(session, "-m", "ruff", "format")


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Mypy, strict, and basedpyright (arguments: mypy's)."""
    python(session, "-m", "mypy", *session.posargs)
    python(session, "-m", "basedpyright")


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """The tests, on two processes (arguments: pytest's)."""
    python(session, "-m", "pytest", "-n", "2", "--dist", "worksteal", *session.posargs)


@nox.session(venv_backend="none")
def thorough(session: nox.Session) -> None:
    """The slow tests that rarely break, on two processes (arguments: pytest's)."""
    tests = ["-m", "pytest", "-n", "2", "--dist", "worksteal", "-m", "thorough"]
    python(session, *tests, *session.posargs)


@nox.session(venv_backend="none")
def scripts(session: nox.Session) -> None:
    """Run the scripts (arguments: those of orm-async-tests run; default --all)."""
    python(session, "-m", "orm_async_tests", "run", *(session.posargs or ["--all"]))


@nox.session(venv_backend="none")
def faults(session: nox.Session) -> None:
    """Faults at every point, on each driver and loop (arguments: orm-async-tests faults')."""
    sweep = ["-m", "orm_async_tests", "faults"]
    if session.posargs:
        python(session, *sweep, *session.posargs)
        return
    for driver, loop in product(("asyncpg", "psycopg"), ("asyncio", "uvloop")):
        stack = ["--driver", driver, "--loop", loop]
        python(session, *sweep, *stack)
        python(session, *sweep, *stack, *(f"--fault=cancel+{kind}" for kind in SECOND))
        python(session, *sweep, *stack, "--fault=down")
    python(session, *sweep, "--fault=stall", "--fault=partition")
    python(session, *sweep, "--driver=psycopg", "--pattern=read_untimed", "--fault=stall")


@nox.session(venv_backend="none")
def controls(session: nox.Session) -> None:
    """Faults that a sweep must find, mostly on old releases (arguments: words of their names)."""
    python(session, "tools/controls.py", *session.posargs)


@nox.session(venv_backend="none")
def rivals(session: nox.Session) -> None:
    """Our sweep beside two others, on several stacks, into docs/rivals.md."""
    python(session, "tools/rivals.py")


@nox.session(venv_backend="none")
def migrations(session: nox.Session) -> None:
    """The tests of the migrations (arguments: pytest's)."""
    python(session, "-m", "pytest", "tests/migrations", *session.posargs)


@nox.session(venv_backend="none")
def generate(session: nox.Session) -> None:
    """Write the generated texts (arguments: those of tools/generate.py, such as --check)."""
    python(session, "tools/generate.py", *session.posargs)


@nox.session(venv_backend="none")
def compat(session: nox.Session) -> None:
    """Run the scripts on releases, and write docs/compat.json (arguments: claims or defects)."""
    for part in session.posargs or ["defects", "claims"]:
        python(session, {"defects": "tools/compat.py", "claims": "tools/claims.py"}[part])


@nox.session(venv_backend="none")
def matrix(session: nox.Session) -> None:
    """The scripts on many stacks (arguments: those of orm-async-tests matrix)."""
    python(session, "-m", "orm_async_tests", "matrix", *(session.posargs or STANDARD))


@nox.session(venv_backend="none")
def compliance(session: nox.Session) -> None:
    """SQLAlchemy's own tests of asyncio and PostgreSQL, with each driver on our server."""
    python(session, "tools/compliance.py")


@nox.session(venv_backend="none")
def false_alarms(session: nox.Session) -> None:
    """Whole suites under the pytest plugin (arguments: their names; all of them)."""
    python(session, "tools/false_alarms.py", *session.posargs)


@nox.session(venv_backend="none")
def site(session: nox.Session) -> None:
    """Run the scripts and write a page for each chapter, with code and output, into site/."""
    python(session, "tools/site.py")


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Ratios within one run (arguments: their names, such as startup or ratios; all of them)."""
    for name in session.posargs or [
        "startup",
        "bulk",
        "service",
        "pages",
        "ratios",
        "peers",
        "gpx",
        "isolation",
        "growth",
        "poolers",
        "pytest_plugin",
    ]:
        program = Path("bench", name)
        path = program if program.is_dir() else program.with_suffix(".py")
        python(session, *COMMANDS.get(name, [str(path)]))


@nox.session(venv_backend="none")
def profile(session: nox.Session) -> None:
    """Calls of functions for a row or a request (arguments: --record keeps this stack's)."""
    python(session, "-m", "tests.profiles", *session.posargs)


@nox.session(venv_backend="none")
def peers(session: nox.Session) -> None:
    """Compare with other ORMs, and write docs/bench.md's figures (arguments: the bench's)."""
    python(session, "tools/peers.py", *session.posargs)


@nox.session(venv_backend="none")
def orm_benchmarks(session: nox.Session) -> None:
    """tortoise/orm-benchmarks' workloads on equal terms, into docs/orm_benchmarks.md."""
    python(session, "tools/orm_benchmarks.py", *session.posargs)


@nox.session(venv_backend="none")
def load(session: nox.Session) -> None:
    """Two hundred clients of the service for 20 s (arguments: pytest's)."""
    python(session, "-m", "pytest", "tests/service/load.py", *session.posargs)


@nox.session(venv_backend="none")
def compose(session: nox.Session) -> None:
    """Check the compose file; with a Docker daemon, run its profiles (arguments: test1's)."""
    if not answers("docker", "compose", "version"):
        session.skip("there is no docker compose: install Docker's compose plugin")
    docker_compose(session, "config", "-q")
    docker_compose(session, *PROFILES, "config", "-q")
    if not answers("docker", "info"):
        session.skip("the compose file is right; no Docker daemon answers, so it was not started")
    try:
        docker_compose(session, *UP)
        test1 = ["-m", "orm_async_tests", "run", "1", "--db", "compose"]
        python(session, *test1, *session.posargs)
        docker_compose(session, "--profile", "service", *UP)
        ask("service", "8000")
        docker_compose(session, "--profile", "scale", *UP)
        ask("proxy", "8080")
        one, *_ = told("ps", "-q", "replica").split()
        session.run("docker", "kill", one, external=True)
        ask("proxy", "8080")
    finally:
        docker_compose(session, *PROFILES, "down", "-v")


def docker_compose(session: nox.Session, *arguments: str) -> None:
    """Run it; without a profile it sees the database only."""
    session.run("docker", "compose", *arguments, external=True)


def told(*arguments: str) -> str:
    """What docker compose prints."""
    command = ["docker", "compose", *PROFILES, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def ask(container: str, port: str) -> None:
    """Ask whether it is ready, and read: any answer but a success raises."""
    address = told("port", container, port).strip()
    for path in ["/health/ready", "/users"] * 10:
        urlopen(f"http://{address}{path}", timeout=30).close()


def answers(*command: str) -> bool:
    """Whether the command is there and succeeds."""
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True).returncode == 0


@nox.session(python=False)
def build(session: nox.Session) -> None:
    """Install the built wheel into a clean environment and run test1 (arguments: test1's)."""
    folder = Path(session.create_tmp(), "a wheel").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    python(session, "-m", "pip", "wheel", "--no-deps", "-w", str(folder), ".")
    session.run(sys.executable, "-m", "venv", str(folder / "venv"), external=True)
    (wheel,) = folder.glob("*.whl")
    installed = str(folder / "venv/bin/python")
    session.run(installed, "-m", "pip", "install", "-q", str(wheel), external=True)
    with session.chdir(folder):
        test1 = str(folder / "venv/bin/test1")
        session.run(test1, *session.posargs, external=True)


@nox.session(reuse_venv=False)
@nox.parametrize(("python", "sqlalchemy", "drivers"), EDGES)
def edges(session: nox.Session, sqlalchemy: str, drivers: str) -> None:
    """All scripts on the oldest and newest versions that are declared (arguments: run's)."""
    line = sqlalchemy.split()[-1]
    pins = [f"sqlalchemy[asyncio]{oldest('sqlalchemy') if line == '2.0' else '==2.1.0'}"]
    if sqlalchemy.startswith("newest"):
        pins = [f"sqlalchemy[asyncio]~={line}.0"]
    if drivers == "oldest":
        pins += [f"asyncpg{oldest('asyncpg')}", f"psycopg[binary]{oldest('psycopg')}"]
    session.install(*pins, ".[anyio,psycopg,service,uvloop]", "httpx")
    for driver in ("asyncpg", "psycopg"):
        run = ["-m", "orm_async_tests", "run", "--all", "--driver", driver]
        session.run("python", *run, *session.posargs)


def oldest(library: str) -> str:
    """The lower bound that pyproject.toml declares, as a pin."""
    project = nox.project.load_toml("pyproject.toml")["project"]
    declared = [*project["dependencies"], *project["optional-dependencies"]["psycopg"]]
    (found,) = (each for each in map(Requirement, declared) if each.name == library)
    return next(f"=={each.version}" for each in found.specifier if each.operator == ">=")
