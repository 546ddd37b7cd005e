"""What a script does on the server that a role may be denied, or another engine may lack."""

import inspect
import re
from collections.abc import Collection
from types import ModuleType

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

CALL = re.compile(r"\b(pg_\w+)\(")  # in SQL, and behind `func.`
OF_ACTIVITY = {
    "blocked": "pg_blocking_pids",
    "until_blocked": "pg_blocking_pids",
    "terminate": "pg_terminate_backend",
}
ASKED = re.compile(rf"\.({'|'.join(OF_ACTIVITY)})\b")
SCHEMAS = "SELECT has_database_privilege(current_database(), 'CREATE')"
LACKED = """
    SELECT wanted FROM unnest(CAST(:names AS text[])) wanted WHERE NOT EXISTS (
        SELECT FROM pg_proc WHERE proname = wanted AND has_function_privilege(oid, 'EXECUTE'))
    ORDER BY wanted
"""


def functions_of(module: ModuleType) -> frozenset[str]:
    """The server's functions that a script calls, itself or by `activity`."""
    source = inspect.getsource(module)
    return frozenset(CALL.findall(source)) | {OF_ACTIVITY[each] for each in ASKED.findall(source)}


async def denied(
    connection: AsyncConnection, functions: Collection[str], own_schema: bool
) -> list[str]:
    """What this role may not do here though a script needs it, and how it could be granted."""
    found = list[str]()
    if connection.dialect.name != "postgresql":
        return found  # a file has no roles
    if own_schema and not await connection.scalar(text(SCHEMAS)):
        found += ["needs the right to make a schema: GRANT CREATE ON DATABASE, to this role"]
    if functions:
        lacked = await connection.scalars(text(LACKED), {"names": sorted(functions)})
        found += [f"needs {each}(), which this role may not call: GRANT EXECUTE" for each in lacked]
    return found
