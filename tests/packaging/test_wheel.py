"""The wheel in an environment without Poetry and without a checkout."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from orm_async_tests.extras import BROUGHT_BY, find_extras
from tests.packaging.conftest import ROOT

PYTHONS = ("3.11", "3.12", "3.13")
OLD_SQLALCHEMY = {"3.11": "2.0.24", "3.12": "2.0.36", "3.13": "2.0.36"}
MISUSE = """
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy import text
import asyncio

async def leak(url):
    connection = await create_async_engine(url).connect()
    await connection.execute(text("SELECT 1"))

def test_leak():
    asyncio.run(leak("sqlite+aiosqlite://"))
"""


MISTAKE = """
from sqlalchemy.ext.asyncio import AsyncSession


async def remove(session: AsyncSession, row: object) -> None:
    session.delete(row)
"""


@dataclass
class Installation:
    """An environment with the wheel, a separate folder and a separate server."""

    environment: Path
    folder: Path

    def run(self, command: str, code: int = 0) -> str:
        """Run a command of the environment, assert its exit code, and return its output."""
        program, *arguments = command.split()
        separate = {"ORM_ASYNC_HOME": str(self.folder / "home"), "PYTHONSAFEPATH": "1"}
        variables = {**os.environ, "PATH": "/usr/bin:/bin", **separate}
        done = subprocess.run(
            [self.environment / "bin" / program, *arguments],
            cwd=self.folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def install(self, *packages: str) -> None:
        """Install packages with the environment's pip."""
        self.run(f"python -m pip install -q --disable-pip-version-check {' '.join(packages)}")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that pip builds from the checkout."""
    folder = tmp_path_factory.mktemp("wheels")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "-w", folder, ROOT], check=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture
def beside_us(wheel: Path, tmp_path: Path, home: Path) -> Installation:
    """The installed wheel, which uses the libraries of the test environment."""
    environment = tmp_path / "an environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = str(environment / "bin/python")
    place = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(place, capture_output=True, text=True).stdout.strip())
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "-q",
        "--no-deps",
        str(wheel),
    ]
    subprocess.run(pip, check=True)
    ours = Path(pytest.__file__).parent.parent
    (packages / "libraries.pth").write_text(f"{ours}\n", "utf-8")  # its .pth files are not read
    return Installation(environment, tmp_path)


@pytest.mark.thorough
def test_the_wheel_contains_alembics_environment(beside_us: Installation) -> None:
    place = "import orm_async_tests; print(orm_async_tests.__file__)"
    (beside_us.folder / "place.py").write_text(place, "utf-8")
    assert beside_us.run("python place.py").startswith(str(beside_us.environment))
    shown = beside_us.run("orm-async-tests db alembic upgrade head")
    shown += beside_us.run("orm-async-tests db alembic check")
    assert "No new upgrade operations detected" in shown
    assert "idempotency" in beside_us.run("orm-async-tests db alembic --service history")
    assert "  HOLDS\n" in beside_us.run("test5")


def test_an_extra_installs_every_package_that_a_script_may_lack() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = {
        name: {Requirement(line).name for line in lines}
        for name, lines in project["optional-dependencies"].items()
    }
    for package in ("anyio", "fastapi", "httpx", "pydantic", "uvicorn"):
        extra = find_extras(package)[-1]
        assert BROUGHT_BY.get(package, package) in extras[extra]
    assert {"psycopg", "sqlite", "uvloop", "service", "telemetry"} <= extras.keys()


def test_poetry_installs_the_extra_of_the_scripts_without_options() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extra = map(Requirement, pyproject["project"]["optional-dependencies"]["scripts"])
    group = pyproject["tool"]["poetry"]["group"]["scripts"]["dependencies"]
    declared = {
        name: set(entry.get("extras", ())) if isinstance(entry, dict) else set()
        for name, entry in group.items()
    }
    assert {requirement.name: requirement.extras for requirement in extra} == declared
    assert pyproject["project"]["dependencies"] == []


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("orm_async_tests.scripts test5", "sqlalchemy"),
        ("orm_async_tests.cli main run 5", "sqlalchemy"),
        ("orm_async_tests.cli main audit poetry.lock", "packaging"),
        ("orm_async_tests.cli main db url", "sqlalchemy"),
        ("orm_async_tests.service.serve main", "sqlalchemy"),
    ],
)
def test_a_command_names_the_extra_of_a_missing_package(command: str, missing: str) -> None:
    module, function, *arguments = command.split()
    run = f"""
import sys
sys.modules[{missing!r}] = None  # an import of it fails
sys.argv = ["command", *{arguments}]
from {module} import {function}
raise SystemExit({function}())
"""
    done = subprocess.run([sys.executable, "-c", run], cwd=ROOT, capture_output=True, text=True)
    problem, *advice = done.stderr.splitlines()
    assert done.returncode == 2
    assert problem == f"the package {missing} is not installed"
    assert [line.partition(":")[0].strip() for line in advice] == ["where", "fix"]


def find_python(version: str) -> str:
    """Return the path of this Python, or skip the test."""
    for path in (
        shutil.which(f"python{version}"),
        *map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python")),
    ):
        if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
            return path
    pytest.skip(f"there is no Python {version}")


@pytest.fixture
def alone(request: pytest.FixtureRequest, wheel: Path, tmp_path: Path, home: Path) -> Installation:
    """The wheel without an extra, on one version of Python."""
    environment = tmp_path / "venv"
    subprocess.run([find_python(request.param), "-m", "venv", environment], check=True)
    installation = Installation(environment, tmp_path)
    installation.install(str(wheel))
    return installation


@pytest.fixture
def clean(alone: Installation) -> Installation:
    """The wheel with the extra `scripts`, on one version of Python."""
    alone.install("orm-async-tests[scripts]")
    return alone


@pytest.mark.thorough
@pytest.mark.timeout(600)
@pytest.mark.parametrize("alone", PYTHONS, indirect=True)
def test_the_wheel_alone_brings_nothing_but_itself(alone: Installation) -> None:
    installed = json.loads(alone.run("python -m pip list --format json"))
    assert {package["name"] for package in installed} <= {"orm-async-tests", "pip", "setuptools"}
    (alone.folder / "models.py").write_text(MISTAKE, "utf-8")
    assert "models.py:6:" in alone.run("orm-async-tests lint --format concise", 1)
    assert "# OAT103 " in alone.run("orm-async-tests explain OAT103")
    assert 'pip install "orm-async-tests[scripts]"' in alone.run("test5", 2)
    assert 'pip install "orm-async-tests[scripts,service]"' in alone.run("serve", 2)
    assert "test5" in alone.run("orm-async-tests list")
    assert "MissingGreenlet" in alone.run("orm-async-tests explain 5")


@pytest.mark.thorough
@pytest.mark.parametrize("alone", PYTHONS[:1], indirect=True)
def test_the_rules_run_in_flake8(alone: Installation) -> None:
    alone.install("flake8")
    (alone.folder / "models.py").write_text(MISTAKE, "utf-8")
    assert "models.py:6:5: OAT103 " in alone.run("flake8 --select OAT models.py", 1)


@pytest.mark.thorough
@pytest.mark.timeout(600)
@pytest.mark.parametrize("alone", PYTHONS, indirect=True)
def test_the_wheel_runs_the_commands(clean: Installation) -> None:
    """A command names the extra that it needs, and works after you install the extra."""
    assert "  HOLDS\n" in clean.run("test5")
    assert 'pip install "orm-async-tests[scripts,web]"' in clean.run("test50", 77)
    assert 'pip install "orm-async-tests[scripts,web]"' in clean.run("test159", 77)
    assert 'pip install "orm-async-tests[scripts,service]"' in clean.run("serve", 2)
    assert 'pip install "orm-async-tests[scripts,psycopg]"' in clean.run(
        "test5 --driver psycopg", 2
    )
    assert "test5" in clean.run("orm-async-tests why MissingGreenlet")
    clean.run("orm-async-tests audit", 1)  # a defect of these releases is known
    for command in (
        "list --path",
        "explain 5",
        "run 5 14 --ndjson",
        "doctor",
        "matrix --list",
        "faults --pattern load --fault cancel",
        "db start",
        "db status",
        "db url",
        "db log",
        "db alembic upgrade head",
        "db alembic --service upgrade head",
        "db stop",
    ):
        clean.run(f"orm-async-tests {command}")
    document = json.loads(clean.run("test5 --json").partition("\n")[2])
    assert document["results"][0]["verdict"] == "HOLDS"
    clean.install("orm-async-tests[web,psycopg,service]")
    assert "  HOLDS\n" in clean.run("test50")
    assert "  HOLDS\n" in clean.run("test5 --driver psycopg")
    assert "--workers" in clean.run("serve --help")


@pytest.mark.thorough
@pytest.mark.timeout(600)
@pytest.mark.parametrize("alone", PYTHONS, indirect=True)
def test_the_plugin_needs_only_pytest_and_an_old_sqlalchemy(
    alone: Installation, request: pytest.FixtureRequest
) -> None:
    version = OLD_SQLALCHEMY[request.node.callspec.params["alone"]]
    alone.install(f"sqlalchemy[asyncio]=={version}", "aiosqlite", "pytest", "orm-async-tests")
    assert alone.run("python -m pip check").strip() == "No broken requirements found."
    (alone.folder / "test_misuse.py").write_text(MISUSE, "utf-8")
    shown = alone.run("pytest -p orm_async_tests.pytest_plugin test_misuse.py", 1)
    assert re.search(r"test_misuse.py:\d+", shown)
    assert "misuse of async SQLAlchemy" in shown
    alone.install("orm-async-tests[scripts]")
    assert version in alone.run("python -m pip freeze")
    assert "  HOLDS\n" in alone.run("test5")
