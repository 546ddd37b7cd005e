"""Imports point one variant, and do nothing."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from orm_async_tests.bench import environments

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src/orm_async_tests"
LAYER = re.compile(r"^\| `(\w+)` \| ([\w ]*?) ?\| .+ \|$", re.M)  # a row of the table of layers
MAY_IMPORT = {
    name: set(below.split())
    for name, below in LAYER.findall((ROOT / "CONTRIBUTING.md").read_text("utf-8"))
}
# Nothing may be opened, started or said while everything of ours is imported.
IMPORT_ALL = """
import importlib, pkgutil, socket, subprocess, sys
import asyncio, concurrent.futures, sqlalchemy.ext.asyncio, asyncpg, psycopg, rich.console
import orm_async_tests

def forbidden(event, args):
    if event in ("socket.connect", "socket.bind", "subprocess.Popen", "os.fork", "os.mkdir"):
        raise SystemExit(f"an import did {event} {args}")

sys.addaudithook(forbidden)
for found in pkgutil.walk_packages(orm_async_tests.__path__, "orm_async_tests."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
"""


def layer(path: Path) -> str:
    """The part of the package that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """The modules of ours that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{each.name}" for each in node.names}
        elif isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
    return {name for name in names if name.startswith("orm_async_tests.")}


FILES = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "__init__.py" or layer(path) != "__init__"
]


def test_a_layer_imports_those_above_it_in_the_table() -> None:
    above = set[str]()
    for name, below in MAY_IMPORT.items():
        assert below <= above
        above.add(name)
    assert above >= {layer(path) for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    mine = layer(path)
    others = {name.split(".")[1] for name in imported(path)}
    allowed = MAY_IMPORT[mine] | (set() if mine == "scripts" else {mine})
    assert others <= allowed


def test_what_runs_in_another_environment_needs_nothing_of_this_one() -> None:
    contenders = PACKAGE / "bench/contenders"
    known = environments.contenders()
    alone = [contenders / "given.py", contenders / "worker.py"]
    alone += [each.source for each in known.values() if "sqlalchemy" not in each.here]
    alone = [path for path in alone if path.stem not in environments.OURS]
    journal = contenders / "journal"
    alone += [journal / f"{name}.py" for name in ("given", "tortoise", "piccolo")]
    wanted = [(path.stem, name) for path in alone for name in imported(path)]
    given = r"orm_async_tests\.bench\.contenders\.(journal\.)?(given|{})\b"  # or its own library's
    assert [each for each in wanted if not re.match(given.format(each[0]), each[1])] == []


def test_importing_everything_does_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_ALL], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_folder_of_migrations_does_not_shadow_alembic() -> None:
    assert not list((PACKAGE.parent / "alembic").rglob("__init__.py"))
