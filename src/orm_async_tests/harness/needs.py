"""What a script needs of its surroundings, read from the script itself."""

import ast
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from types import ModuleType

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.ways import Way
from orm_async_tests.postgres import binaries

WIRE, BINARIES = "a wire", "binaries"


def needs_of(module: ModuleType, ways: tuple[Way, ...]) -> frozenset[str]:
    """A wire, PostgreSQL's binaries, and the packages that functions import."""
    asked = {name for way in ways for name in way.parameters}
    tree = ast.parse(inspect.getsource(module))
    read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found = set(_packages(tree))
    if "wire" in asked or "round_trips" in read:
        found.add(WIRE)
    if asked & {"private_server", "private_url"}:
        found.add(BINARIES)
    if "http" in asked:
        found |= {"httpx", "uvicorn"}
    return frozenset(found)


def missing(need: str, wire: bool) -> str:
    """What to say, and what to type, if this need is not met; or nothing."""
    if need == WIRE:
        return "" if wire else "needs a URL without TLS and with one host, to see its round trips"
    if need == BINARIES:
        try:
            binaries.find()
        except CouldNotRun as error:
            return f"needs a server of its own, and {error.what}: {error.remedy}"
        return ""
    if importlib.util.find_spec(need) is None:
        return f"needs the package {need}: pip install {need}"
    return ""


def _packages(tree: ast.Module) -> Iterator[str]:
    """What is imported inside functions, where a missing package does no harm."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            roots = (name.partition(".")[0] for name in names)
            yield from (root for root in roots if root not in sys.stdlib_module_names)
