"""Server functions and rights that a script needs, and that a role or an engine may lack."""

import ast
import inspect
import re
from collections.abc import Collection, Iterator
from types import ModuleType

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

FUNCTION_NAME = re.compile(r"pg_\w+")
CALL_IN_SQL = re.compile(r"\b(pg_\w+)\(")
# What the methods of the fixture `activity`, and the fixture `blocked`, call on the server.
OF_ACTIVITY = {
    "blocked": "pg_blocking_pids",
    "until_blocked": "pg_blocking_pids",
    "terminate": "pg_terminate_backend",
}
MAY_CREATE_SCHEMA = "SELECT has_database_privilege(current_database(), 'CREATE')"
MISSING_FUNCTIONS = """
    SELECT wanted FROM unnest(CAST(:names AS text[])) wanted WHERE NOT EXISTS (
        SELECT FROM pg_proc WHERE proname = wanted AND has_function_privilege(oid, 'EXECUTE'))
    ORDER BY wanted
"""


def functions_of(module: ModuleType) -> frozenset[str]:
    """Return the server functions that a script calls in SQL, by `func`, or through `activity`."""
    tree = ast.parse(inspect.getsource(module))
    docstrings = {id(text) for text in _docstrings(tree)}
    names = set[str]()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name("activity"), attr=method) if method in OF_ACTIVITY:
                names.add(OF_ACTIVITY[method])
            case ast.Attribute(attr=attribute) if FUNCTION_NAME.fullmatch(attribute):
                names.add(attribute)
            case ast.arg(arg="blocked"):
                names.add(OF_ACTIVITY["blocked"])
            case ast.Constant(value=str(sql)) if id(node) not in docstrings:
                names.update(CALL_IN_SQL.findall(sql))
    return frozenset(names)


def _docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield the docstrings and other strings that are statements, because they call nothing."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str()) as literal):
                yield literal


async def find_denied(
    connection: AsyncConnection, functions: Collection[str], creates_schema: bool
) -> list[str]:
    """Return what this role may not do although the script needs it, and how to grant it."""
    denied = list[str]()
    if connection.dialect.name != "postgresql":
        return denied  # a SQLite file has no roles
    if creates_schema and not await connection.scalar(text(MAY_CREATE_SCHEMA)):
        denied += ["needs the right to create a schema: GRANT CREATE ON DATABASE, to this role"]
    if functions:
        missing = await connection.scalars(text(MISSING_FUNCTIONS), {"names": sorted(functions)})
        denied += [
            f"needs {name}(), which this role may not call: GRANT EXECUTE" for name in missing
        ]
    return denied
