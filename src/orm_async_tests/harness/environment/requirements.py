"""What a script needs of its surroundings, read from the script itself."""

import ast
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator
from types import ModuleType

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.definitions.variants import Variant
from orm_async_tests.harness.environment.private_servers import PRIVATE, REPLICATED
from orm_async_tests.postgres import binaries, pooler
from orm_async_tests.versions.ranges import within

WIRE, BINARIES, STANDBY, PGBOUNCER = "a wire", "binaries", "standby", "pgbouncer"
REQUIRABLE = (BINARIES, STANDBY, PGBOUNCER)
VARIABLE = "ORM_ASYNC_REQUIRE"
KEEPS_STATEMENTS = ">=1.21"  # the PgBouncer that has max_prepared_statements

PROGRAMS = {
    BINARIES: ("a server of its own", ()),
    STANDBY: ("a standby of its own", ("pg_basebackup", "psql")),
}


def needs_of(module: ModuleType, variants: tuple[Variant, ...]) -> frozenset[str]:
    """A wire, PostgreSQL's binaries, a standby, PgBouncer, and what functions import."""
    asked = {name for variant in variants for name in variant.parameters}
    tree = ast.parse(inspect.getsource(module))
    read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found = set(_packages(tree))
    if "wire" in asked or "round_trips" in read:
        found.add(WIRE)
    if asked & PRIVATE:
        found.add(BINARIES)
    if asked & REPLICATED:
        found.add(STANDBY)
    if "pooler" in asked:
        found.add(PGBOUNCER + KEEPS_STATEMENTS * _keeps_statements(tree))
    if "http" in asked:
        found |= {"httpx", "uvicorn"}
    return frozenset(found)


def missing(need: str, wire: bool) -> str:
    """What to say, and what to type, if this need is not met; or nothing."""
    if need == WIRE:
        return "" if wire else "needs a URL without TLS and with one host, to see its round trips"
    if need in PROGRAMS:
        what, programs = PROGRAMS[need]
        try:
            binaries.find()
            for program in programs:
                binaries.program(program)
        except CouldNotRun as error:
            return f"needs {what}, and {error.what}: {error.remedy}"
        return ""
    if need.startswith(PGBOUNCER):
        return _pgbouncer(need)
    if importlib.util.find_spec(need) is None:
        return f"needs the package {need}: pip install {need}"
    return ""


def require(words: str, source: str) -> None:
    """See that what these words name, with commas, is here: then no script is skipped for it.

    Raises CouldNotRun, which names the source of the words.
    """
    for need in filter(None, words.split(",")):
        form = re.fullmatch(r"(\w+)((>=|<|==)\d+(\.\d+)*)?", need)
        if form is None or form[1] not in REQUIRABLE:
            names = " or ".join(REQUIRABLE)
            raise CouldNotRun(f"{need!r} cannot be required", source, f"{source} with {names}")
        if reason := missing(need, wire=True):
            what, _, remedy = reason.partition(": ")
            raise CouldNotRun(f"{need} is required: a script {what}", source, remedy)


def _pgbouncer(need: str) -> str:
    try:
        have = pooler.version()
    except CouldNotRun as error:
        return f"needs PgBouncer, and {error.what}: {error.remedy}"
    if within(have, need.removeprefix(PGBOUNCER)):
        return ""
    return f"needs {need}, this is {have}: {pooler.VARIABLE}=/a/folder/pgbouncer for a newer one"


def _keeps_statements(tree: ast.Module) -> bool:
    """Whether PgBouncer is to keep prepared statements, by a setting that older ones lack."""
    return any(
        node.arg == pooler.PREPARED and ast.unparse(node.value) != "'0'"
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword)
    )


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
