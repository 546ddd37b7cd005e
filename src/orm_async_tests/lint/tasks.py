"""Finds the calls that run as tasks, and follows coroutines through variables and collections."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from orm_async_tests.lint.callers import arguments_of
from orm_async_tests.lint.scopes import (
    GATHERING,
    STARTING,
    Scope,
    end_of,
    last_name,
    later,
    names_in,
)
from orm_async_tests.lint.source_file import SourceFile

HOLDING = {*STARTING, *GATHERING, "list", "tuple", "set", "shield", "wait_for", "filter"}
FILLING = ("append", "extend", "add", "insert", "appendleft")
COMPREHENSIONS = (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)
LOOPS = (ast.For, ast.AsyncFor, ast.While, *COMPREHENSIONS)
BLOCKS = (*LOOPS, ast.AsyncWith)
COLLECTIONS = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.BinOp, ast.IfExp)


@dataclass(frozen=True)
class Work:
    """A call that runs later, and perhaps at the same time as other calls."""

    node: ast.expr
    scope: Scope
    around: ast.AST | None = None
    """The loop or comprehension that runs the call many times."""


@dataclass(frozen=True)
class Start:
    """A call that starts one or more tasks."""

    call: ast.Call
    scope: Scope
    gathers: bool
    """Whether the call waits for all tasks."""

    works: tuple[Work, ...]
    source: ast.Call
    """The call that starts the tasks, perhaps inside a function that `call` runs."""

    inside: Scope


def works(file: SourceFile, node: ast.AST, scope: Scope) -> Iterator[Work]:
    """Yield the calls to coroutine functions in an expression, for example in a list."""
    for work in elements(file, node, scope, None):
        match work.node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name)) | ast.Name(id=name)) as call:
                binding = work.scope.binding(name)
                if binding is None or binding.kind != "item":
                    yield work
                    continue
                for item in elements(file, binding.node, binding.scope, None):
                    is_unknown = item.node is binding.node
                    yield work if is_unknown else _call_for_item(call, item, work.scope)
            case ast.Call():
                yield work


def _call_for_item(call: ast.Call, item: Work, scope: Scope) -> Work:
    """Return a call of a loop variable, or of its method, for one item of the loop."""
    func = item.node
    if isinstance(call.func, ast.Attribute):
        func = ast.copy_location(ast.Attribute(func, call.func.attr, ast.Load()), call.func)
    return Work(later(call, func, call.args, call.keywords), scope, item.around)


def elements(
    file: SourceFile, node: ast.AST, scope: Scope, around: ast.AST | None
) -> Iterator[Work]:
    """Yield the items of a collection, or the arguments of a call such as gather().

    Yield the expression itself if it is not a collection.
    """
    match node:
        case ast.Starred(value=ast.Call(func=func) as call) if (
            function := file.project.function(file.value(func, scope))
        ) and not function.is_async:
            yield Work(call, scope, node)
        case ast.Starred(value=inner) | ast.Await(value=inner) | ast.NamedExpr(value=inner):
            yield from elements(file, inner, scope, around)
        case ast.ListComp(elt=inner) | ast.GeneratorExp(elt=inner) | ast.SetComp(elt=inner):
            yield from elements(file, inner, scope, node)
        case ast.DictComp(value=inner):
            yield from elements(file, inner, scope, node)
        case ast.Call(func=ast.Attribute(value=inner, attr="values" | "copy"), args=[]):
            yield from elements(file, inner, scope, around)
        case ast.Call(func=ast.Name(id="map" | "starmap"), args=[target, *items]):
            yield Work(later(node, target, items, []), scope, node)
        case ast.Call(args=[first, *rest]) if (name := last_name(node.func)) in HOLDING:
            if name == "start_soon":
                yield Work(later(node, first, rest, []), scope, around)
            else:
                for part in [first, *rest] if name in GATHERING else [first]:
                    yield from elements(file, part, scope, around)
        case ast.Name() | ast.Attribute():
            held = [*_elements_of_variable(file, node, scope, around)]
            yield from held or [Work(node, scope, around)]
        case ast.expr() if isinstance(node, COLLECTIONS):
            for item in ast.iter_child_nodes(node):
                yield from elements(file, item, scope, around)
        case ast.expr():
            yield Work(node, scope, around)


def _elements_of_variable(
    file: SourceFile, node: ast.Name | ast.Attribute, scope: Scope, around: ast.AST | None
) -> Iterator[Work]:
    path = scope.path(node)
    owner = scope.find(path.partition(".")[0]) if path else None
    if owner is None or owner.is_module or (owner, path) in file.open_variables:
        return
    file.open_variables.add((owner, path))  # because a variable may hold what it held before
    bindings = owner.bindings.get(path, [])
    if isinstance(node, ast.Attribute) and (value := file.value(node.value, scope)):
        bindings = file.project.member(value, node.attr)
    for kind, bound, inner in bindings:
        if kind != "value" or path in names_in(bound):
            continue
        for work in elements(file, bound, inner, around):
            is_filled = work.around or not around
            yield work if is_filled else replace(work, around=loop_around(file, bound))
    for call, inner in _filling(file).get(path, ()):
        is_seen = inner.find(path.partition(".")[0]) is owner or isinstance(node, ast.Attribute)
        if call.args and is_seen:
            yield from elements(file, call.args[-1], inner, around or loop_around(file, call))
    file.open_variables.discard((owner, path))


def _filling(file: SourceFile) -> dict[str, list[tuple[ast.Call, Scope]]]:
    """Return the calls that add to collections, by the path of the collection."""
    known = file.module.values
    if "filling" not in known:
        known["filling"] = defaultdict(list)
        for call, scope in file.calls(*FILLING):
            if isinstance(call.func, ast.Attribute):
                known["filling"][scope.path(call.func.value)].append((call, scope))
    filling: dict[str, list[tuple[ast.Call, Scope]]] = known["filling"]
    return filling


def loop_around(file: SourceFile, node: ast.AST) -> ast.AST | None:
    return next((item for item in file.ancestors(node) if isinstance(item, LOOPS)), None)


def starts(file: SourceFile) -> Iterator[Start]:
    """Yield the calls that start tasks, for example the calls to gather() or create_task()."""
    for names, gathers in ((GATHERING, True), (STARTING, False)):
        for call, scope in file.calls(*names):
            name = file.external_name(call.func, scope)
            is_method = isinstance(call.func, ast.Attribute) and not gathers
            if call.args and (is_method or name.startswith(("asyncio.", "anyio."))):
                loop = None if gathers else loop_around(file, call)
                inner = [work for part in (call.args if gathers else [call])
                         for work in works(file, part, scope)]  # fmt: skip
                inner = [work if work.around else replace(work, around=loop) for work in inner]
                yield Start(call, scope, gathers, tuple(inner), call, scope)
    for name, calls in [*file.module.calls.items()]:
        function = file.function_named(name) if name not in HOLDING else None
        if function and function.starts:
            for call, scope in calls:
                yield from _start_of_wrapper(file, call, scope, function)


def _start_of_wrapper(
    file: SourceFile, call: ast.Call, scope: Scope, function: Scope
) -> Iterator[Start]:
    callee = file.project.callee(call.func, scope)
    passed = arguments_of(call, function, callee) if callee else {}
    arguments = {name: [part] for name, part in passed.items()}
    if rest := function.node.args.vararg:
        arguments[rest.arg] = call.args[len(function.parameters) :]
    for inner in function.starts:
        blocks = [node for node in function.module.ancestors(inner) if isinstance(node, BLOCKS)]
        roles = map(function.role, names_in(getattr(inner.func, "value", None)))
        is_group = ast.AsyncWith in map(type, blocks) and "enter" in roles
        loop = blocks[0] if is_group and isinstance(blocks[0], LOOPS) else None
        gathers = last_name(inner) in GATHERING
        sources = inner.args if gathers else [inner]
        started: list[Work] = []
        for item in [work for part in sources for work in elements(file, part, function, loop)]:
            target = item.node.func if isinstance(item.node, ast.Call) else item.node
            parts = arguments.get(_called_parameter(function, getattr(target, "id", "")), [])
            if parts and target is not item.node:
                started.append(Work(later(call, parts[0], [], []), scope, item.around))
                continue
            if not parts and not (gathers or is_group) and arguments.keys() & names_in(item.node):
                started.append(Work(call, scope, item.around))  # has the effects of the task
                continue
            called = None if parts else file.project.function(file.value(target, function))
            if called and called.awaited:  # a coroutine, or a collection of them
                bindings = [function.binding(name) for name in names_in(item.node)]
                nodes = [binding.node for binding in bindings if binding]
                names = {getattr(node, "id", getattr(node, "arg", "")) for node in nodes}
                parts = [part for name in arguments.keys() & names for part in arguments[name]]
            started += [work for part in parts for work in works(file, part, scope)]
        if started:
            yield Start(call, scope, gathers or is_group, tuple(started), inner, function)


def _called_parameter(function: Scope, name: str) -> str:
    """Return which parameter a local function calls without a lock, or the name of the function."""
    local = function.module.scopes.get(f"{function.name}.{name}")
    managers = [ast.unparse(item.items[0]).lower() for item in local.managers] if local else []
    called = [getattr(call.func, "id", "") for call in local.calls] if local else []
    names = [item for item in called if item in function.parameters]
    return names[0] if names and "lock" not in " ".join(managers) else name


def is_awaited(file: SourceFile, call: ast.Call) -> bool:
    """Return whether the same statement or the next statement awaits a task."""
    parent = file.parent(call)
    if isinstance(parent, ast.Await):
        return True
    if isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name):
        name, body = parent.targets[0].id, getattr(file.parent(parent), "body", [])
        after = body[body.index(parent) + 1 : body.index(parent) + 2] if parent in body else []
        awaits = [item for statement in after for item in ast.walk(statement)
                  if isinstance(item, ast.Await)]  # fmt: skip
        return bool(awaits) and name in names_in(min(awaits, key=end_of))  # the first to run
    return False
