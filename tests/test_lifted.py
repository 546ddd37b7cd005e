"""A right variant runs when it is lifted into a file with an engine and a session factory."""

import ast
import asyncio
import inspect
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from orm_async_tests import catalogue, db
from orm_async_tests.harness.definitions.variants import Variant
from orm_async_tests.harness.environment import script_database
from orm_async_tests.harness.run.runner import run_script
from orm_async_tests.harness.script import Script
from tests.skips import skip_as

PLAIN = {"session", "Session", "engine"}
TOOLS = ("checked_out", "environment", "Sessions")  # of the harness: they count, write files, type
ENTRIES = {entry.command: entry for entry in catalogue.read_scripts()}


def plain(script: Script) -> list[Variant]:
    """The right variants that ask for an engine or sessions only."""
    return [
        variant
        for variant in script.variants
        if variant.kind == "right" and set(variant.parameters) <= PLAIN and not variant.engine
    ]


def lifted(source: str, name: str) -> str:
    """The function of this name without its decorator, below what it uses of its module."""
    tree = ast.parse(source)
    defined = {each: node for node in tree.body for each in names_of(node)}
    needed, wanted = set[str](), [name]
    while wanted:
        if (each := wanted.pop()) in defined and each not in needed:
            needed.add(each)
            used = ast.walk(defined[each])
            wanted += [node.id for node in used if isinstance(node, ast.Name)]
    models = any(isinstance(defined[each], ast.ClassDef) for each in needed)
    kept = [
        node
        for node in tree.body
        if needed & set(names_of(node)) or (models and isinstance(node, ast.ClassDef))
    ]
    for node in kept:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.decorator_list = []
    return "\n".join(map(ast.unparse, kept))


def names_of(node: ast.stmt) -> Iterator[str]:
    """The names that a statement of a module defines, but what is the harness's."""
    match node:
        case ast.ImportFrom(module="orm_async_tests.harness", names=aliases):
            node.names = [each for each in aliases if each.name in TOOLS]
            yield from (each.name for each in node.names)
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            yield from (each.asname or each.name for each in aliases)
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            yield node.name
        case ast.Assign():
            yield from (
                each.id
                for target in node.targets
                for each in ast.walk(target)
                if isinstance(each, ast.Name)
            )
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case _:
            pass


async def called(source: str, variant: Variant, script: Script, database: db.Database) -> Any:
    """What the lifted function gives, in the script's world."""
    module = ModuleType(f"lifted_{variant.name}")
    sys.modules[module.__name__] = module
    exec(compile(source, module.__name__, "exec"), vars(module))
    async with script_database.open_script_database(database) as ground, AsyncExitStack() as ended:
        await ground.reset(script.base, script.seed, script.defaults)
        engine = create_async_engine(database.url)
        ended.push_async_callback(engine.dispose)
        factory = async_sessionmaker(engine)
        session = await ended.enter_async_context(factory())
        offered = {"engine": engine, "Session": factory, "session": session}
        found = vars(module)[variant.name](*(offered[each] for each in variant.parameters))
        if inspect.isasyncgen(found):
            return {"items": len([each async for each in found])}
        return await found


@pytest.mark.parametrize(
    "command", [name for name, each in ENTRIES.items() if plain(Script.of(each.load()))]
)
def test_its_right_ways_work_without_the_harness(command: str, database: db.Database) -> None:
    entry = ENTRIES[command]
    script = Script.of(entry.load())
    result = run_script(script, database)
    skip_as(result)
    source = entry.path.read_text("utf-8")
    for variant in plain(script):
        found = asyncio.run(called(lifted(source, variant.name), variant, script, database))
        assert repr(found) == repr(result.observations[variant.name].value), variant.name
