"""The rules OAT103 and OAT104: a missing `await`, and an `await` of a method that returns None."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding, Fix
from orm_async_tests.lint.rules.rule import Rule, insertion, uses_of_call
from orm_async_tests.lint.scopes import Scope, last_name, names_in
from orm_async_tests.lint.source_file import SourceFile

METHODS = {"connect"}.union(*sa.COROUTINES.values())
STARTS = {"begin", "begin_nested"}
BEFORE_CONNECTING = {"start", "execution_options", "sync_connection", "engine", "__aenter__"}
OPEN_TYPES = {"Awaitable", "Coroutine", "Any", "object", "Future", "Task"}
NONE_METHODS = ("add", "add_all", "expunge", "expunge_all", "expire", "expire_all")


class MissingAwait(Rule):
    """You call a coroutine method of a session or a connection, but do not await it.

    The rule OAT103 ignores a coroutine that a function returns or passes on, because other code may
    await it. OAT103 still reports a returned coroutine if the function is an `async def` with an
    annotation such as `-> User`.
    """

    code = "OAT103"
    scripts = (66, 126)
    message = "You do not await {}(), so it does nothing."
    remedy = "Write `{1}`."

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for node, scope, name in dict.fromkeys([*_lost_methods(file), *_lost_results(file)]):
            is_start = name in STARTS
            is_statement = isinstance(file.parent(node), ast.Expr) and scope.is_async
            fix = insertion(file, node, "await ") if is_statement and not is_start else None
            code = ast.unparse(node)
            code = f"async with {code}:" if is_start else f"await {code}"
            yield self.report(file, node, name, code, fix=fix)


def _lost_methods(file: SourceFile) -> Iterator[tuple[ast.AST, Scope, str]]:
    """Yield the unawaited calls to coroutine methods, and the names of the methods."""
    for call, scope in file.calls(*METHODS, *STARTS):
        name = _coroutine(file, call, scope)
        value = None if name else file.value(call, scope)
        if not name and not (value and value.is_a(sa.CONNECTING)):
            continue
        uses = uses_of_call(call, scope)
        is_awaited = any(isinstance(around, (ast.Await, ast.withitem)) for _, around in uses)
        if _is_rebound(file, call, scope):
            continue
        lost = [node for node, around in uses if _is_lost(file, node, around, scope)]
        if is_awaited or (uses and not lost):
            continue
        if name and (len(lost) == len(uses) or name not in STARTS):
            yield call, scope, name
        if value and not any(_connects(around) for _, around in uses):
            yield from ((node, scope, "connect") for node, around in uses
                        if isinstance(around, ast.Attribute) and node in lost
                        and isinstance(file.parent(around), ast.Call))  # fmt: skip


def _is_rebound(file: SourceFile, call: ast.Call, scope: Scope) -> bool:
    """Return whether the code around a call shows that its receiver is not a session."""
    name = getattr(getattr(call.func, "value", None), "id", "")
    inner: ast.AST = call
    for around in file.ancestors(call):
        for item in getattr(around, "items", ()):
            if name in names_in(item.optional_vars):
                entered = file.project.unwrap("enter", file.value(item.context_expr, scope))
                return isinstance(around, ast.With) and not (entered and entered.is_session)
        match around:
            case ast.If(
                test=ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=tested), _])
            ) if tested == name and inner in around.orelse:
                return True
        inner = around
    bound = scope.bindings.get(name, [])
    values = [file.value(item.node, scope) for item in bound if item.kind == "value"]
    # The call is outside of the `async with` block, so the name has the assigned value.
    is_mixed = {item.kind for item in bound} == {"value", "enter"}
    return is_mixed and not any(value and value.is_session for value in values)


def _connects(around: ast.AST | None) -> bool:
    is_passed = isinstance(around, ast.Call) and len(around.args) == 1
    return is_passed or getattr(around, "attr", "") == "start"


def _lost_results(file: SourceFile) -> Iterator[tuple[ast.AST, Scope, str]]:
    """Yield unawaited calls to the project's coroutine functions that use a session."""
    for name, calls in [*file.module.calls.items()]:
        statements = [item for item in calls if isinstance(file.parent(item[0]), ast.Expr)]
        function = file.function_named(name) if statements else None
        if function is None or function.decorators:
            continue
        for call, scope in statements:
            value, callee = file.value(call, scope), file.project.callee(call.func, scope)
            is_async = function.is_async and file.project.function(callee) is function
            is_coroutine = is_async or (value and value.kind == "await")
            events = file.use.events(call, scope) if is_coroutine else ()
            if any(event.operations & sa.STATEMENTS for event in events):
                yield call, scope, name


def _coroutine(file: SourceFile, call: ast.Call, scope: Scope) -> str:
    """Return the name of the coroutine method that a call starts, or "" for any other call."""
    method = file.value(call.func, scope)
    function = file.project.function(method)
    owner = method.inner if method and (function is None or function.is_async) else None
    if method is None or owner is None or owner.kind != "instance" or owner.module:
        return ""
    name = method.name.rpartition(".")[2]
    is_start = name in STARTS and owner.is_session
    return name if is_start or name in sa.COROUTINES.get(owner.name, ()) else ""


def _is_lost(file: SourceFile, node: ast.AST, around: ast.AST | None, scope: Scope) -> bool:
    """Return whether code discards a coroutine or mistakes it for a result."""
    match around:
        case ast.Expr() | ast.Compare() | ast.For() | ast.AsyncFor() | ast.comprehension():
            return True
        case ast.Attribute(attr=attr):
            return attr not in BEFORE_CONNECTING
        case ast.UnaryOp(op=ast.Not()):
            return True
        case ast.If() | ast.While() | ast.Assert():
            return around.test is node
        case ast.IfExp(test=test):
            return test is node or _is_lost(file, around, file.parent(around), scope)
        case ast.BoolOp(values=[*_, last]):
            return last is not node or _is_lost(file, around, file.parent(around), scope)
        case ast.ListComp(elt=item):
            return item is node and isinstance(file.parent(around), ast.Expr)
        case ast.Call(func=ast.Name(id="bool" | "len" | "list" | "set" | "tuple" | "sorted")):
            return True
    returns = scope.node.returns if scope.is_async and isinstance(around, ast.Return) else None
    return returns is not None and not OPEN_TYPES & {*re.findall(r"\w+", ast.unparse(returns))}


class AwaitedAdd(Rule):
    """`await session.add(...)` adds the object, and then raises TypeError.

    You may await add() of your own class if the class defines add() as a coroutine.
    """

    code = "OAT104"
    scripts = (244,)
    message = "{}() returns None, so `await` raises TypeError after the call."
    remedy = "Write `{1}` without `await`."

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for call, scope in file.calls(*NONE_METHODS):
            method = file.value(call.func, scope)
            nodes = [around for _, around in uses_of_call(call, scope)]
            nodes = [file.parent(node) if isinstance(node, ast.IfExp | ast.BoolOp) else node
                     for node in nodes]  # fmt: skip
            node = next((node for node in nodes if isinstance(node, ast.Await)), None)
            owner = method.inner if method and method.kind == "method" else None
            is_add = owner and owner.is_a(sa.SESSION, sa.SCOPED)
            if node and is_add and "isawaitable" not in map(last_name, scope.calls):
                place = file.locate(node)
                word = re.match(r"await[ \t\f]*", place.source[place.column - 1 :])
                end = place.column + len(word[0] if word else "")
                cut = replace(place, end_line=place.line, end_column=end)
                fix = Fix(cut, "") if word and node.value is call else None
                yield self.report(file, node, last_name(call.func), ast.unparse(call), fix=fix)
