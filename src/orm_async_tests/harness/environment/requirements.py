"""Finds out from a script's source code which servers, programs, packages and rights the script
needs.
"""

import ast
import importlib.util
import inspect
import re
import sys
from collections.abc import Collection
from types import ModuleType

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from orm_async_tests.errors import CouldNotRun, install_extra
from orm_async_tests.harness.definitions.variants import Variant
from orm_async_tests.harness.environment.servers import PRIVATE, REPLICATED
from orm_async_tests.postgres import binaries, pooler
from orm_async_tests.versions.ranges import within

WIRE, BINARIES, STANDBY, PGBOUNCER = "a wire", "binaries", "standby", "pgbouncer"
REQUIRABLE = (BINARIES, STANDBY, PGBOUNCER)
VARIABLE = "ORM_ASYNC_REQUIRE"

EXTRAS = {  # of pyproject.toml, by the package that a function of a script imports
    "anyio": "anyio",
    "fastapi": "web",
    "httpx": "web",
    "pydantic": "web",
    "uvicorn": "web",
}
BY_FIXTURE = (
    ({"wire"}, {WIRE}),
    (PRIVATE, {BINARIES}),
    (REPLICATED, {STANDBY}),
    ({"pooler"}, {PGBOUNCER}),
    ({"http"}, {"httpx", "uvicorn"}),
)
PROGRAMS = {
    BINARIES: ("a private server", ()),
    STANDBY: ("a private standby", ("pg_basebackup", "psql")),
}
# What the methods of the fixture `activity`, and the fixture `blocked`, call on the server.
OF_ACTIVITY = {
    "blocked": "pg_blocking_pids",
    "until_blocked": "pg_blocking_pids",
    "terminate": "pg_terminate_backend",
}
MISSING_FUNCTIONS = """
    SELECT wanted FROM unnest(CAST(:names AS text[])) wanted WHERE NOT EXISTS (
        SELECT FROM pg_proc WHERE proname = wanted AND has_function_privilege(oid, 'EXECUTE'))
    ORDER BY wanted
"""


def requirements_of(module: ModuleType, variants: tuple[Variant, ...]) -> frozenset[str]:
    """Return what a script requires to run. Each requirement is one of these texts: WIRE, BINARIES,
    STANDBY, PGBOUNCER, or the name of a package that a function of the script imports.
    """
    fixtures = {name for variant in variants for name in variant.parameters}
    requirements, packages = set[str](), set[str]()
    for names, needs in BY_FIXTURE:
        if fixtures & names:
            requirements |= needs
    for statement in ast.parse(inspect.getsource(module)).body:
        for node in ast.walk(statement):
            match node:
                case ast.Attribute(attr="round_trips"):
                    requirements.add(WIRE)
                case ast.keyword(arg=pooler.PREPARED, value=value) if ast.unparse(value) != "'0'":
                    requirements -= {PGBOUNCER}
                    requirements.add(f"{PGBOUNCER}>=1.21")  # an older one lacks the setting
                case ast.Import(names=aliases) if node is not statement:
                    packages |= {alias.name.partition(".")[0] for alias in aliases}
                case ast.ImportFrom(module=str(name)) if node is not statement:
                    packages.add(name.partition(".")[0])
    return frozenset(requirements | packages - sys.stdlib_module_names)


def find_missing(requirement: str, wire: bool) -> str:
    """Return why a requirement is not met and what to type, or "" if it is met. `wire` says whether
    a proxy can count round trips.
    """
    if requirement == WIRE:
        reason = "needs a URL with one host and without TLS, so that round trips can be counted"
        return "" if wire else reason
    if requirement in PROGRAMS:
        server, programs = PROGRAMS[requirement]
        try:
            binaries.find()
            for program in programs:
                binaries.find_program(program)
        except CouldNotRun as error:
            return f"needs {server}, and {error.problem}: {error.remedy}"
        return ""
    if requirement.startswith(PGBOUNCER):
        try:
            installed = pooler.version()
        except CouldNotRun as error:
            return f"needs PgBouncer, and {error.problem}: {error.remedy}"
        remedy = f"{pooler.VARIABLE}=/path/to/a/newer/pgbouncer"
        is_new = within(installed, requirement.removeprefix(PGBOUNCER))
        return "" if is_new else f"needs {requirement}, this is {installed}: {remedy}"
    if importlib.util.find_spec(requirement) is None:
        extra = EXTRAS.get(requirement)
        remedy = install_extra(extra) if extra else f"pip install {requirement}"
        return f"needs the package {requirement}: {remedy}"
    return ""


def require(words: str, source: str) -> None:
    """Raise CouldNotRun if a requirement in a comma-separated list is unknown or is not met.
    `source` names the option or variable that contains the list.
    """
    for requirement in filter(None, words.split(",")):
        form = re.fullmatch(r"(\w+)((>=|<|==)\d+(\.\d+)*)?", requirement)
        if form is None or form[1] not in REQUIRABLE:
            names = " or ".join(REQUIRABLE)
            raise CouldNotRun(
                f"{requirement!r} cannot be required", source, f"{source} with {names}"
            )
        if reason := find_missing(requirement, wire=True):
            problem, _, remedy = reason.partition(": ")
            raise CouldNotRun(f"{requirement} is required: a script {problem}", source, remedy)


def functions_of(module: ModuleType) -> frozenset[str]:
    """Return the server functions that a script calls in SQL text, with `func`, or through
    `activity`.
    """
    nodes = list(ast.walk(ast.parse(inspect.getsource(module))))
    # Docstrings, and other strings that are statements, call nothing.
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    names = set[str]()
    for node in nodes:
        match node:
            case ast.Attribute(value=ast.Name("activity"), attr=method) if method in OF_ACTIVITY:
                names.add(OF_ACTIVITY[method])
            case ast.Attribute(attr=attribute) if attribute.startswith("pg_"):
                names.add(attribute)
            case ast.arg(arg="blocked"):
                names.add(OF_ACTIVITY["blocked"])
            case ast.Constant(value=str(sql)) if id(node) not in docstrings:
                names.update(re.findall(r"\b(pg_\w+)\(", sql))
    return frozenset(names)


async def find_denied(
    connection: AsyncConnection, functions: Collection[str], creates_schema: bool
) -> list[str]:
    """Return the rights that the script needs but the database role lacks, and how to grant
    them.
    """
    denied = list[str]()
    if connection.dialect.name != "postgresql":
        return denied  # a SQLite file has no roles
    may_create = "SELECT has_database_privilege(current_database(), 'CREATE')"
    if creates_schema and not await connection.scalar(text(may_create)):
        denied = ["needs the right to create a schema: GRANT CREATE ON DATABASE, to this role"]
    missing = await connection.scalars(text(MISSING_FUNCTIONS), {"names": sorted(functions)})
    return denied + [
        f"needs {name}(), which this role may not call: GRANT EXECUTE" for name in missing
    ]
