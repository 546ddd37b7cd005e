"""Finds the calls of a function, to learn what they pass for a parameter without a type."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.scopes import Scope, last_name
from orm_async_tests.lint.value import Value, union

if TYPE_CHECKING:
    from orm_async_tests.lint.resolution import Project

CALL = re.compile(r"(?<!def )\b([A-Za-z_]\w*)\(")
OPERATIONS = sa.STATEMENTS | sa.ENDINGS | {"begin", "connect", "add", "add_all"}
MOST, MOST_FILES = 4, 8  # calls of one function that are evaluated, and files that are searched


class CallIndex:
    """The files of a project, by the names that they call. They are read when they are needed."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._paths: dict[str, list[str]] | None = None
        self.users: set[str] = set()
        """The modules whose parameters have a value that depends on calls in other files."""

    def files_that_call(self, name: str) -> Sequence[str]:
        if self._paths is None:
            self._paths = defaultdict(list)
            for file in self._files:
                with suppress(OSError):  # a file that went away, or that may not be read
                    for called in set(CALL.findall(file.read_text("utf-8", "replace"))):
                        self._paths[called].append(str(file.resolve()))
        return self._paths.get(name, [])[:MOST_FILES]


def passed_value(project: "Project", function: Scope, name: str) -> Value | None:
    """Return the session, engine or factory that calls pass for a parameter without a type."""
    if not _may_be_session(function, name):
        return None
    project.calls.users.add(function.module.path)
    values = (project.value(arguments[name], scope)
              for arguments, scope in _calls(project, function) if name in arguments)  # fmt: skip
    value = union([*islice(values, MOST)])
    is_known = value and (value.is_session or value.is_a(sa.ENGINE, sa.FACTORY))
    return value if is_known else None


def _may_be_session(function: Scope, name: str) -> bool:
    """Return whether a function calls a parameter or a method of sessions, or passes it on."""
    if function.name.endswith("__init__"):
        return not OPERATIONS.isdisjoint(function.module.calls)
    for call in function.calls:
        owner = getattr(call.func, "value", call.func)
        is_called = isinstance(owner, ast.Name) and owner.id == name
        if is_called and (owner is call.func or last_name(call) in OPERATIONS):
            return True
        if any(isinstance(node, ast.Name) and node.id == name for node in call.args):
            return True
    return False


def _calls(project: "Project", function: Scope) -> Iterator[tuple[dict[str, ast.expr], Scope]]:
    """Yield the arguments of the calls of a function, and the scopes of the calls."""
    *outer, last = function.name.split(".")
    name = ".".join(outer) if last == "__init__" else function.name
    callee, here = name.rpartition(".")[2], function.module
    for path in dict.fromkeys([here.path, *project.calls.files_that_call(callee)]):
        module = here if path == here.path else project.load(path)
        for call, scope in module.calls.get(callee, ()) if module else ():
            value = project.value(call.func, scope)
            if value is None and module is here:
                value = Value("function", name, here.path, Value("instance"))
            if value and (value.module, value.name) == (here.path, name):
                value = value._replace(inner=value.inner or value)
                yield project.arguments(call, function, value), scope
