"""Finds out which servers, packages and rights a script needs."""

import ast
import importlib.util
import inspect
import os
import re
import sys
from types import ModuleType
from typing import NamedTuple

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.extras import find_extras, install_extra
from orm_async_tests.harness.definitions.variants import Variant
from orm_async_tests.harness.environment.servers import PRIVATE, REPLICATED
from orm_async_tests.postgres import binaries, pooler
from orm_async_tests.versions.ranges import within

# WIRE is a proxy that counts round trips, and the dictionary SERVERS explains the others.
WIRE, BINARIES, STANDBY, PGBOUNCER = "a wire", "binaries", "standby", "pgbouncer"
REQUIRE_VARIABLE = "ORM_ASYNC_REQUIRE"
BY_FIXTURE = (
    ({"wire"}, {WIRE}),
    (PRIVATE, {BINARIES}),
    (REPLICATED, {STANDBY}),
    ({"pooler"}, {PGBOUNCER}),
    ({"http"}, {"httpx", "uvicorn"}),
)
SERVERS = {BINARIES: "a private server", STANDBY: "a private standby", PGBOUNCER: "PgBouncer"}
# The server functions that `activity` and `blocked` call.
OF_ACTIVITY = {
    "blocked": "pg_blocking_pids",
    "until_blocked": "pg_blocking_pids",
    "terminate": "pg_terminate_backend",
}


class Missing(NamedTuple):
    """Something that a script needs but the machine lacks."""

    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        return ": ".join(filter(None, self))


def read_needs(
    module: ModuleType, variants: tuple[Variant, ...]
) -> tuple[frozenset[str], frozenset[str]]:
    """Return a script's requirements, and the server functions that it calls.

    A requirement is a constant, for example STANDBY, or a package, for example "httpx".
    """
    fixtures = {name for variant in variants for name in variant.parameters}
    needed = (needs for names, needs in BY_FIXTURE if fixtures & names)
    requirements, functions = set[str]().union(*needed), set[str]()
    tree = ast.parse(inspect.getsource(module))
    nodes = {*ast.walk(tree)} - {*tree.body}
    # A string that is a statement, for example a docstring, contains no SQL.
    nodes -= {node.value for node in nodes if isinstance(node, ast.Expr)}
    nodes -= {node.value for node in tree.body if isinstance(node, ast.Expr)}
    for node in nodes:
        match node:
            case ast.Attribute(attr="round_trips"):
                requirements.add(WIRE)
            case ast.keyword(arg=pooler.PREPARED, value=value) if ast.unparse(value) != "'0'":
                requirements -= {PGBOUNCER}
                requirements.add(f"{PGBOUNCER}>=1.21")  # the first with this setting
            case ast.Import(names=aliases):
                requirements |= {alias.name.partition(".")[0] for alias in aliases}
            case ast.ImportFrom(module=str(name)):
                requirements.add(name.partition(".")[0])
            case ast.Attribute(value=ast.Name("activity"), attr=method) if method in OF_ACTIVITY:
                functions.add(OF_ACTIVITY[method])
            case ast.Attribute(attr=attribute) if attribute.startswith("pg_"):
                functions.add(attribute)
            case ast.arg(arg="blocked"):
                functions.add(OF_ACTIVITY["blocked"])
            case ast.Constant(value=str(sql)):
                functions.update(re.findall(r"\b(pg_\w+)\(", sql))
    return frozenset(requirements - sys.stdlib_module_names), frozenset(functions)


def find_missing(requirement: str, wire: bool) -> Missing | None:
    """Return what this machine lacks for a requirement, or None.

    The parameter `wire` says whether a proxy can count round trips.
    """
    server = re.split("[<=>]", requirement)[0]
    versions = requirement.removeprefix(server)
    try:
        if server == PGBOUNCER and not within(installed := pooler.version(), versions):
            remedy = f"{pooler.PGBOUNCER_VARIABLE}=/path/to/a/newer/pgbouncer"
            return Missing(f"needs {requirement}, this is {installed}", remedy)
        if server in (BINARIES, STANDBY):
            binaries.find()
        if server == STANDBY:
            binaries.find_program("pg_basebackup")
            binaries.find_program("psql")
    except CouldNotRun as error:
        return Missing(f"needs {SERVERS[server]}, and {error.problem}", error.remedy)
    if requirement == WIRE and not wire:
        return Missing("needs a URL with one host and without TLS, because it counts round trips")
    if server in (WIRE, *SERVERS) or importlib.util.find_spec(requirement):
        return None
    extras = find_extras(requirement)  # the last one is `web`, not `service`
    remedy = install_extra(extras[-1]) if extras else f"pip install {requirement}"
    return Missing(f"needs the package {requirement}", remedy)


def require(words: str | None = None) -> None:
    """Raise CouldNotRun if this machine lacks a requirement.

    The parameter `words` is the value of `--require`, for example "standby,pgbouncer". If `words`
    is None, check the requirements in the variable ORM_ASYNC_REQUIRE.
    """
    source = "--require"
    if words is None:
        words, source = os.environ.get(REQUIRE_VARIABLE, ""), REQUIRE_VARIABLE
    for requirement in filter(None, words.split(",")):
        form = re.fullmatch(r"(\w+)((>=|<|==)\d+(\.\d+)*)?", requirement)
        if form is None or form[1] not in SERVERS:
            remedy = f"{source} with {' or '.join(SERVERS)}"
            raise CouldNotRun(f"{requirement!r} cannot be required", source, remedy)
        if missing := find_missing(requirement, wire=True):
            problem = f"{requirement} is required: a script {missing.problem}"
            raise CouldNotRun(problem, source, missing.remedy)
