"""Finds the calls to a function, and the arguments of these calls."""

import ast
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.scopes import Module, Scope, last_name, later
from orm_async_tests.lint.value import Value, union

if TYPE_CHECKING:
    from orm_async_tests.lint.resolution import Project

BINDING = ("start_soon", "add_task", "partial")  # functions that get a function and its arguments
BOUND = re.compile(rf"\b(?:{'|'.join(BINDING)})\(\s*(?:\w+\.)*(\w+),")
NAME = re.compile(r"\w+$")
OPERATIONS = sa.STATEMENTS | sa.ENDINGS | {"begin", "connect", "add", "add_all"}
MAX_CALLS, MAX_FILES = 4, 8  # evaluated calls of a function, and files that are searched


class CallIndex:
    """Finds the files that call a function with a given name.

    The first call to `files_that_call()` reads all files of the project.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._paths: dict[str, list[str]] | None = None
        self.users: set[str] = set()
        """The paths of modules whose findings depend on calls in other files."""

    def files_that_call(self, function: str) -> Sequence[str]:
        if self._paths is None:
            self._paths = defaultdict(list)
            for file in self._files:
                with suppress(OSError):  # the file may be deleted or unreadable
                    text, path = file.read_text("utf-8", "replace"), os.path.realpath(file)
                    for name in _called_names(text):
                        self._paths[name].append(path)
        return self._paths.get(function, [])[:MAX_FILES]


def _called_names(text: str) -> set[str]:
    names = set(BOUND.findall(text)) if any(name in text for name in BINDING) else set()
    # str.split() is several times as fast as a regular expression.
    for part in text.split("(")[:-1]:
        before, _, word = part.rpartition("\n")[2].rpartition(" ")
        if not before.endswith("def"):
            names.update([word] if word.isidentifier() else NAME.findall(word))
    return names


def all_arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def arguments_of(call: ast.Call, function: Scope, callee: Value) -> dict[str, ast.expr]:
    """Return the arguments of a call, by parameter name."""
    names = function.parameters
    arguments = {}
    is_bound = function.cls and callee.inner and "staticmethod" not in function.decorators
    if is_bound and names:
        first, *names = names
        if isinstance(call.func, ast.Attribute):
            arguments[first] = call.func.value
    plain = [part for part in call.args if not isinstance(part, ast.Starred)]
    arguments |= dict(zip(names, plain, strict=False))
    return arguments | {item.arg: item.value for item in call.keywords if item.arg}


def passed_value(project: "Project", function: Scope, name: str) -> Value | None:
    """Return the session, engine or factory that callers pass for an unannotated parameter."""
    if not _may_be_session(function, name):
        return None
    value = union([project.value(*place) for place in passed(project, function, name)])
    is_known = value and (value.is_session or value.is_a(sa.ENGINE, sa.FACTORY))
    return value if is_known else None


def passed(project: "Project", function: Scope, name: str) -> Iterator[tuple[ast.expr, Scope]]:
    """Yield the arguments that callers pass for a parameter."""
    project.calls.users.add(function.module.path)
    calls = _calls(project, function)
    places = ((arguments[name], scope) for arguments, scope in calls if name in arguments)
    return islice(places, MAX_CALLS)


def _may_be_session(function: Scope, name: str) -> bool:
    """Return whether a function may use its parameter `name` as a session."""
    # A constructor only stores the session, so look for calls in the whole module.
    if function.name.endswith("__init__"):
        return not OPERATIONS.isdisjoint(function.module.calls)
    for call in function.calls:
        owner = getattr(call.func, "value", None) if last_name(call) in OPERATIONS else None
        if name in [getattr(node, "id", "") for node in (call.func, owner, *call.args)]:
            return True
    return False


def _calls(project: "Project", function: Scope) -> Iterator[tuple[dict[str, ast.expr], Scope]]:
    """Yield the arguments and the scope of each call to a function."""
    *outer, last = function.name.split(".")
    name = ".".join(outer) if last == "__init__" else function.name
    callee, here = name.rpartition(".")[2], function.module
    for path in dict.fromkeys([here.path, *project.calls.files_that_call(callee)]):
        module = here if path == here.path else project.load(path)
        calls = calls_by_name(module, callee) if module else []
        for call, scope in calls:
            value = project.value(call.func, scope)
            if value is None and module is here:
                value = Value("function", name, here.path, Value("instance"))
            if value and (value.module, value.name) == (here.path, name):
                value = value._replace(inner=value.inner or value)
                yield arguments_of(call, function, value), scope


def calls_by_name(module: Module, name: str) -> Iterator[tuple[ast.Call, Scope]]:
    yield from module.calls.get(name, ())
    yield from _bound_calls(module).get(name, ())


def _bound_calls(module: Module) -> dict[str, list[tuple[ast.Call, Scope]]]:
    """Return the calls that functions such as partial() bind, by the name of the function."""
    key = "bound calls"
    if key not in module.values:
        calls = module.values[key] = defaultdict(list)
        for call, scope in [item for name in BINDING for item in module.calls.get(name, ())]:
            if call.args:
                bound = later(call, call.args[0], call.args[1:], call.keywords)
                calls[last_name(bound)].append((bound, scope))
    bound_calls: dict[str, list[tuple[ast.Call, Scope]]] = module.values[key]
    return bound_calls
