"""Copies right variants into a file that has only an engine and a session factory."""

import ast
import asyncio
import inspect
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from orm_async_tests import db
from orm_async_tests.harness.definitions.variants import Variant
from orm_async_tests.harness.environment import script_database
from orm_async_tests.harness.report.result import Result
from orm_async_tests.harness.script import Script

PLAIN = {"session", "Session", "engine"}
# Of the harness: they count connections, write files, and are types.
TOOLS = ("checked_out", "alembic_environment", "Sessions")


def plain_variants(script: Script) -> list[Variant]:
    """Return the right variants whose only fixtures are an engine or sessions."""
    return [
        variant
        for variant in script.variants
        if variant.kind == "right" and set(variant.parameters) <= PLAIN and not variant.engine
    ]


def lift(source: str, name: str) -> str:
    """Return a function's code without its decorator, after the code that the function uses."""
    tree = ast.parse(source)
    definitions = {name: node for node in tree.body for name in names_of(node)}
    needed, wanted = set[str](), [name]
    while wanted:
        if (used_name := wanted.pop()) in definitions and used_name not in needed:
            needed.add(used_name)
            used = ast.walk(definitions[used_name])
            wanted += [node.id for node in used if isinstance(node, ast.Name)]
    needs_models = any(isinstance(definitions[name], ast.ClassDef) for name in needed)
    kept = [
        node
        for node in tree.body
        if needed & set(names_of(node)) or (needs_models and isinstance(node, ast.ClassDef))
    ]
    for node in kept:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.decorator_list = []
    return "\n".join(map(ast.unparse, kept))


def names_of(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement of a module defines, except names of the harness."""
    match node:
        case ast.ImportFrom(module="orm_async_tests.harness", names=aliases):
            node.names = [alias for alias in aliases if alias.name in TOOLS]
            yield from (alias.name for alias in node.names)
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            yield from (alias.asname or alias.name for alias in aliases)
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            yield node.name
        case ast.Assign():
            yield from (
                name.id
                for target in node.targets
                for name in ast.walk(target)
                if isinstance(name, ast.Name)
            )
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case _:
            pass


async def run_lifted(source: str, variant: Variant, database: db.Database) -> Any:
    """Run the copied function, and return its result."""
    module = ModuleType(f"lifted_{variant.name}")
    sys.modules[module.__name__] = module
    exec(compile(source, module.__name__, "exec"), vars(module))
    async with AsyncExitStack() as stack:
        engine = create_async_engine(database.url)
        stack.push_async_callback(engine.dispose)
        factory = async_sessionmaker(engine)
        session = await stack.enter_async_context(factory())
        fixtures = {"engine": engine, "Session": factory, "session": session}
        outcome = vars(module)[variant.name](*(fixtures[name] for name in variant.parameters))
        if inspect.isasyncgen(outcome):
            return {"items": len([item async for item in outcome])}
        return await outcome


async def run_plain_variants(source: str, script: Script, database: db.Database) -> dict[str, Any]:
    """Run each copied variant on the script's rows, and return the results."""
    results = {}
    async with script_database.open_script_database(database) as scripts:
        for variant in plain_variants(script):
            await scripts.reset(script.base, script.seed, script.defaults)
            lifted = lift(source, variant.name)
            results[variant.name] = await run_lifted(lifted, variant, database)
    return results


def find_changed_when_lifted(result: Result, database: db.Database) -> list[str]:
    """Return the copied variants whose result differs from the harness's observation."""
    if not plain_variants(result.script):
        return []
    source = Path(result.script.file).read_text("utf-8")
    values = asyncio.run(run_plain_variants(source, result.script, database))
    return [
        f"{name}: {value}"
        for name, value in values.items()
        if repr(value) != repr(result.observations[name].value)
    ]
