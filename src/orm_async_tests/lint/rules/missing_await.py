"""OAT103 and OAT104: `await` that is missing, and `await` of a method that returns None."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding, Fix
from orm_async_tests.lint.rules.rule import Rule, insertion
from orm_async_tests.lint.scopes import Scope, creation, last_name
from orm_async_tests.lint.source_file import SourceFile

METHODS = {"connect"}.union(*sa.COROUTINES.values())
STARTS = {"begin", "begin_nested"}
BEFORE_CONNECTING = {"start", "execution_options", "sync_connection", "engine"}
OPEN_TYPES = {"Awaitable", "Coroutine", "Any", "object", "Future", "Task"}
TESTING = (ast.Compare, ast.UnaryOp, ast.BoolOp, ast.If, ast.While, ast.Assert, ast.IfExp)
ITERATING = (ast.For, ast.AsyncFor, ast.comprehension)
NONE_METHODS = ("add", "add_all", "expunge", "expunge_all", "expire", "expire_all")

Lost = Iterator[tuple[ast.expr, Scope, str]]  # coroutines, and the methods that return them


class MissingAwait(Rule):
    """You call a coroutine method of a session or a connection, but do not await it.

    - If a function returns a coroutine or passes it on, other code may await it.
    """

    code = "OAT103"
    scripts = (66, 126)
    message = "{}() returns a coroutine, but it is not awaited, so it does nothing."
    remedy = "Write `{1}`."

    def check(self, file: SourceFile) -> Iterator[Finding]:
        lost = [*_lost_calls(file), *_lost_objects(file), *_lost_variables(file),
                *_lost_results(file)]  # fmt: skip
        for node, scope, name in dict.fromkeys(lost):
            is_start = name in STARTS
            is_statement = isinstance(file.parent(node), ast.Expr) and scope.is_async
            fix = insertion(file, node, "await ") if is_statement and not is_start else None
            code = ast.unparse(node)
            code = f"async with {code}:" if is_start else f"await {code}"
            yield self.report(file, node, name, code, fix=fix)


def _lost_calls(file: SourceFile) -> Lost:
    """Yield the calls around which the code discards or tests the coroutine."""
    for call, scope in file.calls(*METHODS, *STARTS):
        if _is_lost(file, call, scope) and (name := _coroutine(file, call, scope)):
            yield call, scope, name


def _lost_objects(file: SourceFile) -> Lost:
    """Yield the coroutines, and the connections of engines, of which code reads an attribute."""
    for attribute, scope in file.nodes(ast.Attribute):
        node = attribute.value
        call = None if isinstance(node, ast.Await) else creation(node, scope)
        if call is None or getattr(call.func, "attr", "") not in METHODS:
            continue
        if isinstance(node, ast.Name) and scope.find(node.id) in (None, file.module.scope):
            continue
        value = file.value(node, scope)
        if value and value.kind == "await" and (name := _coroutine(file, call, scope)):
            yield call, scope, name
        elif value and value.is_a(sa.CONNECTING) and attribute.attr not in BEFORE_CONNECTING:
            is_entered = isinstance(node, ast.Name) and _is_entered(node.id, scope)
            if isinstance(file.parent(attribute), ast.Call) and not is_entered:
                yield node, scope, "connect"


def _lost_variables(file: SourceFile) -> Lost:
    for node, scope in file.nodes(ast.Assign):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                method = _coroutine(file, call, scope)
                if method and _is_never_awaited(name, scope, method in STARTS):
                    yield call, scope, method


def _lost_results(file: SourceFile) -> Lost:
    """Yield the calls of functions of the project whose coroutine is not awaited."""
    for name, calls in [*file.module.calls.items()]:
        statements = [item for item in calls if isinstance(file.parent(item[0]), ast.Expr)]
        function = file.function_named(name) if statements else None
        for call, scope in statements if function and not function.decorators else ():
            value = file.value(call, scope)
            is_coroutine = (function and function.is_async) or (value and value.kind == "await")
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


def _is_lost(file: SourceFile, node: ast.AST, scope: Scope) -> bool:
    """Return whether the code around an expression discards its value, tests it, or iterates over
    it.
    """
    match around := file.parent(node):
        case ast.Expr() | ast.Compare() | ast.For() | ast.AsyncFor() | ast.comprehension():
            return True
        case ast.UnaryOp(op=ast.Not()):
            return True
        case ast.If() | ast.While() | ast.Assert():
            return around.test is node
        case ast.IfExp(test=test):
            return test is node or _is_lost(file, around, scope)
        case ast.BoolOp(values=[*_, last]):
            return last is not node or _is_lost(file, around, scope)
        case ast.ListComp(elt=item):
            return item is node and isinstance(file.parent(around), ast.Expr)
        case ast.Call(func=ast.Name(id="bool" | "len" | "list" | "set" | "tuple" | "sorted")):
            return True
    return isinstance(around, ast.Return) and _returns_no_coroutine(scope)


def _returns_no_coroutine(scope: Scope) -> bool:
    """Return whether the annotation of a coroutine function names another type than a coroutine."""
    returns = scope.node.returns if scope.is_async else None
    return returns is not None and not OPEN_TYPES & {*re.findall(r"\w+", ast.unparse(returns))}


def _is_never_awaited(name: str, scope: Scope, is_start: bool) -> bool:
    """Return whether a function only reads or tests a variable that holds one coroutine."""
    parents = [
        around
        for around in ast.walk(scope.node)
        for child in ast.iter_child_nodes(around)
        if isinstance(child, ast.Name) and child.id == name and isinstance(child.ctx, ast.Load)
    ]
    reading = (*TESTING, *ITERATING, *([ast.Return] if _returns_no_coroutine(scope) else []))
    is_passed = any(
        not isinstance(parent, reading) and getattr(parent, "attr", "start") in BEFORE_CONNECTING
        for parent in parents
    )
    is_awaited = any(isinstance(parent, (ast.Await, ast.withitem)) for parent in parents)
    is_tested = any(isinstance(parent, TESTING) for parent in parents) and not is_start
    is_bound_once = len(scope.bindings.get(name, ())) == 1
    return is_bound_once and not is_awaited and (is_tested or not is_passed)


def _is_entered(name: str, scope: Scope) -> bool:
    """Return whether a function awaits a variable, enters it with `async with`, or starts it as a
    task.
    """
    for item in ast.walk(scope.node):
        match item:
            case (
                ast.Await(value=ast.Name(id=other))
                | ast.withitem(context_expr=ast.Name(id=other))
                | ast.Attribute(value=ast.Name(id=other), attr="start")
                | ast.Call(args=[ast.Name(id=other)])
            ) if other == name:
                return True
    return False


class AwaitedAdd(Rule):
    """`await` of add() raises TypeError after the object was added.

    - You may await add() of your own class if the class defines add() as a coroutine.
    """

    code = "OAT104"
    scripts = (244,)
    message = "{}() returns None, so `await` raises TypeError after the call."
    remedy = "Write `{1}`."

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for call, scope in file.calls(*NONE_METHODS):
            node, method = file.parent(call), file.value(call.func, scope)
            owner = method.inner if method and method.kind == "method" else None
            if isinstance(node, ast.Await) and owner and owner.is_a(sa.SESSION, sa.SCOPED):
                place = file.locate(node)
                end = place.column + len("await ")
                fix = Fix(replace(place, end_line=place.line, end_column=end), "")
                yield self.report(file, node, last_name(call.func), ast.unparse(call), fix=fix)
