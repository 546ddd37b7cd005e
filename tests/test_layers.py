"""Imports point in one direction and have no side effects."""

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src/orm_async_tests"
PROJECT = ("benchmarks", "orm_async_tests", "tests", "tools")
LAYER = re.compile(r"^(\w+):([\w ]*)$", re.M)  # a line of the list of layers
ROW = re.compile(r"^\| `(\w+)` \| .+ \|$", re.M)  # of the table with the purposes of the layers
LAYERS = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("\n## Layers\n")[2]
LAYERS = LAYERS.partition("\n## ")[0]
MAY_IMPORT = {name: set(below.split()) for name, below in LAYER.findall(LAYERS)}
# Nothing may be opened, started or printed while all modules are imported.
IMPORT_ALL = """
import importlib, pkgutil, socket, subprocess, sys
import asyncio, concurrent.futures, sqlalchemy.ext.asyncio, asyncpg, psycopg, rich.console
import orm_async_tests

def forbidden(event, args):
    if event in ("socket.connect", "socket.bind", "subprocess.Popen", "os.fork", "os.mkdir"):
        raise SystemExit(f"an import caused {event} {args}")

sys.addaudithook(forbidden)
for module in pkgutil.walk_packages(orm_async_tests.__path__, "orm_async_tests."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def layer(path: Path) -> str:
    """Return the layer of a file: its module or subpackage of orm_async_tests."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imported(
    path: Path, packages: tuple[str, ...] = ("orm_async_tests",), *, top_level: bool = False
) -> set[str]:
    """Return the names that a file imports from these packages, perhaps only at its top level."""
    tree, names = parse(path), set[str]()
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names if name.partition(".")[0] in packages and "." in name}


FILES = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "__init__.py" or layer(path) != "__init__"
]


def test_a_layer_may_import_only_layers_above_it_in_the_list() -> None:
    above = set[str]()
    for name, below in MAY_IMPORT.items():
        assert below <= above
        above.add(name)
    assert above >= {layer(path) for path in FILES}


def test_the_table_of_layers_names_the_layers_of_the_list() -> None:
    assert ROW.findall(LAYERS) == [*MAY_IMPORT]


def test_imports_point_one_way() -> None:
    forbidden = {}
    for path in FILES:
        own_layer = layer(path)
        others = {name.split(".")[1] for name in imported(path)}
        allowed = MAY_IMPORT[own_layer] | (set() if own_layer == "scripts" else {own_layer})
        if others - allowed:
            forbidden[str(path.relative_to(PACKAGE))] = others - allowed
    assert forbidden == {}


def test_no_modules_import_each_other_in_a_circle() -> None:
    paths = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for root, folder in ((PACKAGE.parent, PACKAGE), (ROOT, ROOT / "benchmarks"))
        for path in folder.rglob("*.py")
    }
    imports = {
        module: {
            name if name in paths else name.rpartition(".")[0]
            for name in imported(path, PROJECT, top_level=True)
        }
        for module, path in paths.items()
    }
    TopologicalSorter(imports).prepare()  # raises CycleError


def test_benchmarks_are_imported_by_no_package() -> None:
    assert [path for path in FILES if imported(path, ("benchmarks", "tests", "tools"))] == []


def test_importing_everything_does_nothing() -> None:
    without_bytecode = [sys.executable, "-B", "-W", "error"]  # bytecode would need folders
    done = subprocess.run([*without_bytecode, "-c", IMPORT_ALL], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_folder_of_migrations_does_not_shadow_alembic() -> None:
    assert not list((PACKAGE.parent / "alembic").rglob("__init__.py"))
