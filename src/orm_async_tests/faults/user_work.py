"""Load a user's function by its name, module:function, and find the engine that it uses."""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from orm_async_tests.errors import CouldNotRun

FORM = (
    "async def work(engine: AsyncEngine), which gets an engine for --db, or async def work(), "
    "which uses an engine or async_sessionmaker of its module"
)


def load_function(name: str) -> Callable[..., Any]:
    """Import module:function from the current directory. Raises CouldNotRun."""
    module, _, function = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        if not module or not function:
            raise ImportError("the name lacks its module or its function")
        return _check_form(getattr(importlib.import_module(module), function), name)
    except CouldNotRun:
        raise
    except Exception as error:  # an import runs the user's code
        raise CouldNotRun(
            f"{name} could not be imported: {type(error).__name__}: {error}",
            "--pattern",
            "module:function, where the module can be imported from the current directory",
        ) from error
    finally:
        sys.path.pop(0)


def _check_form(function: Any, name: str) -> Callable[..., Any]:
    """Raise CouldNotRun if a sweep cannot call the function."""
    problem = ""
    if not callable(function):
        problem = f"{name} is not a function, but an object of the class {type(function).__name__}"
    elif not inspect.iscoroutinefunction(function):
        problem = f"{name} is not an async function"
    elif len(required := _required_parameters(function)) > 1:
        problem = f"{name} requires {len(required)} arguments: {', '.join(required)}"
    elif required and _annotation(function) not in ("", "AsyncEngine"):
        problem = f"{name} takes {_annotation(function)}, not an engine"
    if problem:
        raise CouldNotRun(problem, "--pattern", FORM)
    checked: Callable[..., Any] = function
    return checked


def takes_engine(function: Callable[..., Any]) -> bool:
    """Return whether a function requires an argument."""
    return bool(_required_parameters(function))


def _required_parameters(function: Callable[..., Any]) -> list[str]:
    return [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]


def _annotation(function: Callable[..., Any]) -> str:
    """Return the last name of the first parameter's annotation, or an empty string."""
    parameter = next(iter(inspect.signature(function).parameters.values()))
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return ""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return str(text).rpartition(".")[2].strip("'\"")


def find_engine(function: Callable[..., Any], name: str) -> AsyncEngine:
    """Return the engine of a function's module, or of a module of its package that it imports.

    Raises CouldNotRun if the modules have no engine, or several.
    """
    engines = {id(engine): engine for engine in _walk_engines(function)}
    if len(engines) == 1:
        return next(iter(engines.values()))
    problem = f"{len(engines)} engines" if engines else "no engine and no bound async_sessionmaker"
    raise CouldNotRun(f"the module of {name} has {problem}", "--pattern", FORM)


def _walk_engines(function: Callable[..., Any]) -> Iterator[AsyncEngine]:
    function = inspect.unwrap(function)
    variables = function.__globals__
    package = function.__module__.partition(".")[0]
    for value in list(variables.values()):
        yield from _read_engine(value)
        if isinstance(value, ModuleType) and value.__name__.partition(".")[0] == package:
            for inner in list(vars(value).values()):
                yield from _read_engine(inner)


def _read_engine(value: Any) -> Iterator[AsyncEngine]:
    if isinstance(value, async_sessionmaker):
        value = value.kw.get("bind")
    if isinstance(value, AsyncEngine):
        yield value
