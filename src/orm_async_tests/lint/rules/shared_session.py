"""OAT101: several tasks that run at the same time use one session."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.session_use import PASSED
from orm_async_tests.lint.source_file import SourceFile
from orm_async_tests.lint.terms import Scope

GATHERING = {"gather", "wait", "as_completed"}
STARTING = {"create_task", "ensure_future", "start_soon"}
LOOPS = (ast.For, ast.AsyncFor, ast.While)
COMPREHENSIONS = (ast.ListComp, ast.GeneratorExp, ast.SetComp)
USES = sa.STATEMENTS | sa.ENDINGS | {"begin", PASSED}


@dataclass(frozen=True)
class Work:
    """A coroutine that runs at the same time as other coroutines."""

    node: ast.expr
    is_repeated: bool
    """Whether a loop or a comprehension creates it many times."""

    around: ast.AST | None = None
    """That loop or comprehension."""


class SharedSession(Rule):
    code = "OAT101"
    name = "shared-session"
    summary = "Tasks that run at the same time share one session and its connection."
    scripts = (24, 25, 26)
    exceptions = (
        "The rule allows concurrent tasks of which only one uses the session.",
        "Tasks may share a session if an asyncio.Lock surrounds every use of it.",
        "Tasks may share an async_scoped_session, which gives every task its own session.",
    )

    def check(self, file: SourceFile) -> Iterator[Finding]:
        groups: dict[object, list[tuple[Work, Scope]]] = defaultdict(list)
        for call, scope in file.nodes(ast.Call):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            if call.args and _may_gather(file, call, name) and _gathers(file, call, scope):
                groups[call] += [(work, scope) for work in _coroutines(file, call.args, scope)]
            elif name in STARTING and call.args and not _is_awaited(file, call):
                argument = call.args[0]
                if name == "start_soon":
                    argument = ast.copy_location(ast.Call(argument, call.args[1:], []), call)
                loop = _loop_around(file, call)
                groups[scope] += [
                    (Work(argument, loop is not None or work.is_repeated, loop or work.around),
                     scope)
                    for work in _coroutines(file, [argument], scope)
                ]  # fmt: skip
        done = set[ast.AST]()
        for group in groups.values():
            for place, finding in self._check_group(file, group):
                if place not in done:
                    done.add(place)
                    yield finding

    def _check_group(
        self, file: SourceFile, group: list[tuple[Work, Scope]]
    ) -> Iterator[tuple[ast.AST, Finding]]:
        users: dict[str, list[Work]] = defaultdict(list)
        for work, scope in group:
            for key in _sessions(file, work, scope):
                users[key].append(work)
        for key, works in users.items():
            if len(works) > 1 or works[0].is_repeated:
                last = works[-1]
                yield (
                    last.node,
                    file.report(
                        self.code,
                        last.node,
                        f"Several tasks use {key} at the same time, but it is one conversation "
                        "with one connection.",
                        "Open a session in every task, or await the calls one after the other.",
                        related=works[0].node if len(works) > 1 else last.around,
                        related_message="the first task"
                        if len(works) > 1
                        else "starts this task many times",
                    ),
                )


def _may_gather(file: SourceFile, call: ast.Call, name: str) -> bool:
    """Return, without resolving names, whether a call may be a call of gather()."""
    coroutines = [part for part in call.args if isinstance(part, (ast.Call, *COMPREHENSIONS))]
    if name in GATHERING or len(coroutines) > 1 or isinstance(call.args[0], ast.Starred):
        return True
    return any(
        kind == "import" and value[0] == "asyncio" and value[2] in GATHERING
        for kind, value in file.index.module.bindings.get(name, ())
    )


def _gathers(file: SourceFile, call: ast.Call, scope: Scope) -> bool:
    """Return whether a call runs its arguments at the same time, as asyncio.gather() or a wrapper
    does.
    """
    value = file.value(call.func, scope)
    if value is None:
        return False
    if value.kind == "external":
        library, _, name = value.name.partition(".")
        return library == "asyncio" and name.rpartition(".")[2] in GATHERING
    function = file.project.function(value)
    return function is not None and any(
        inner is not None
        and inner.kind == "external"
        and inner.name.startswith("asyncio.")
        and inner.name.rpartition(".")[2] in GATHERING
        for inner in (file.project.evaluate(term, value.module) for term in function.gathering)
    )


def _coroutines(file: SourceFile, nodes: list[ast.expr], scope: Scope) -> Iterator[Work]:
    """Yield the coroutines among the arguments of gather()."""
    for node in nodes:
        match node:
            case ast.Starred(value=value):
                yield from _coroutines(file, [value], scope)
            case ast.ListComp(elt=elt) | ast.GeneratorExp(elt=elt) | ast.SetComp(elt=elt):
                for work in _coroutines(file, [elt], scope):
                    yield Work(work.node, True, node)
            case ast.List(elts=elts) | ast.Tuple(elts=elts) | ast.Set(elts=elts):
                yield from _coroutines(file, elts, scope)
            case ast.Call(func=ast.Name(id="map"), args=[function, *items]):
                call = ast.copy_location(ast.Call(function, items, []), node)
                yield Work(function.body if isinstance(function, ast.Lambda) else call, True, node)
            case ast.Call(func=func, args=[inner, *_]) if getattr(
                func, "attr", getattr(func, "id", "")
            ) in {*STARTING, "list", "tuple", "shield", "wait_for"}:
                yield from _coroutines(file, [inner], scope)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                yield from _coroutines(file, [left, right], scope)
            case ast.Call():
                yield Work(node, False)
            case ast.Name(id=name):
                yield from _coroutines_of_name(file, name, scope)


def _coroutines_of_name(file: SourceFile, name: str, scope: Scope) -> Iterator[Work]:
    """Yield the coroutines that a variable contains, for example a list to which a loop appends."""
    owner = scope.find(name)
    if owner is None or owner.is_module:
        return
    for kind, value in owner.bindings[name]:
        names = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)} if (
            kind == "value") else {name}  # fmt: skip
        if name not in names:
            yield from _coroutines(file, [value], owner)
    for call, inner in file.nodes(ast.Call):
        match call.func:
            case ast.Attribute(value=ast.Name(id=other), attr="append" | "extend" | "add") if (
                other == name and inner is owner and call.args
            ):
                loop = _loop_around(file, call)
                for work in _coroutines(file, call.args, owner):
                    yield Work(work.node, work.is_repeated or bool(loop), work.around or loop)


def _sessions(file: SourceFile, work: Work, scope: Scope) -> set[str]:
    """Return the sessions that a coroutine uses but does not open itself."""
    keys = set()
    for event in file.use.events(work.node, scope):
        root = event.key.partition(".")[0]
        if not event.operations & USES or _has_lock(file, work.node, scope):
            continue
        value = file.value(ast.parse(event.key, mode="eval").body, scope)
        if value is not None and value.is_a(sa.SCOPED):
            continue
        if work.around and _is_bound_inside(root, scope, work.around):
            continue
        keys.add(event.key)
    return keys


def _is_bound_inside(name: str, scope: Scope, around: ast.AST) -> bool:
    """Return whether a loop or comprehension binds a name again in each iteration."""
    owner = scope.find(name)
    nodes = set(ast.walk(around))
    return any(value in nodes for _, value in owner.bindings[name]
               if isinstance(value, ast.AST)) if owner else False  # fmt: skip


def _has_lock(file: SourceFile, node: ast.expr, scope: Scope) -> bool:
    """Return whether the function of a coroutine enters a lock."""
    callee = file.value(node.func, scope) if isinstance(node, ast.Call) else None
    function = file.project.function(callee)
    if callee is None or function is None:
        return False
    for term in function.managers:
        value = file.project.evaluate(term, callee.module)
        if (value and value.is_a("Lock")) or "lock" in str(term[-1]).lower():
            return True
    return False


def _loop_around(file: SourceFile, node: ast.AST) -> ast.AST | None:
    """Return the loop or comprehension that contains a node, inside the node's function."""
    kinds = (*LOOPS, *COMPREHENSIONS)
    return next((item for item in file.ancestors(node) if isinstance(item, kinds)), None)


def _is_awaited(file: SourceFile, call: ast.Call) -> bool:
    """Return whether a task is awaited in the expression that creates it, or is gathered with
    others.
    """
    parent = file.parents.get(call)
    if isinstance(parent, ast.Await):
        return True
    if isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name):
        name, body = parent.targets[0].id, getattr(file.parents.get(parent), "body", [])
        after = body[body.index(parent) + 1 : body.index(parent) + 2] if parent in body else []
        return any(
            isinstance(item, ast.Await)
            and any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(item))
            for statement in after
            for item in ast.walk(statement)
        )
    return False
