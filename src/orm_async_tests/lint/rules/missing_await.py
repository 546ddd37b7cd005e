"""OAT103: a coroutine of a session, connection or engine that is not awaited."""

import ast
from collections.abc import Iterator

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding, Fix
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.source_file import SourceFile
from orm_async_tests.lint.terms import Scope
from orm_async_tests.lint.value import Value

METHODS = {"connect"}.union(*sa.COROUTINES.values())
STARTS = {"begin", "begin_nested"}
BEFORE_CONNECTING = {"start", "execution_options", "sync_connection", "engine"}


class MissingAwait(Rule):
    code = "OAT103"
    name = "missing-await"
    summary = "You call a coroutine method of a session or a connection, but do not await it."
    scripts = (66, 126)
    exceptions = ("If a function returns a coroutine or passes it on, other code may await it.",)

    def check(self, file: SourceFile) -> Iterator[Finding]:
        yield from dict.fromkeys(self._check_uses(file))

    def _check_uses(self, file: SourceFile) -> Iterator[Finding]:
        for call, scope in file.nodes(ast.Call):
            if getattr(call.func, "attr", "") in METHODS | STARTS and _is_lost(file, call):
                name = _dropped(file, call, scope)
                if name:
                    yield self._report(file, call, name, scope)
        for attribute, scope in file.nodes(ast.Attribute):
            source = _source(attribute.value, scope)
            if source and getattr(source.func, "attr", "") in METHODS:
                yield from self._check_attribute(file, attribute, scope)
        for assignment, scope in file.nodes(ast.Assign):
            target = assignment.targets[0]
            if isinstance(assignment.value, ast.Call) and isinstance(target, ast.Name):
                name = _dropped(file, assignment.value, scope)
                if name and (not _is_read(target.id, scope) or _is_tested(target.id, scope)):
                    yield self._report(file, assignment.value, name, scope)

    def _check_attribute(
        self, file: SourceFile, attribute: ast.Attribute, scope: Scope
    ) -> Iterator[Finding]:
        node = attribute.value
        if isinstance(node, ast.Name) and scope.find(node.id) in (None, file.index.module):
            return
        if _is_coroutine(file, node, scope):
            source = _source(node, scope)
            yield self._report(file, source or node, _name(source or node), scope)
            return
        value = file.value(node, scope)
        if value and value.is_a(sa.CONNECTING) and attribute.attr not in BEFORE_CONNECTING:
            is_call = isinstance(file.parents.get(attribute), ast.Call)
            if is_call and not (isinstance(node, ast.Name) and _is_entered(node.id, scope)):
                yield self._report(file, node, "connect", scope)

    def _report(self, file: SourceFile, node: ast.expr, name: str, scope: Scope) -> Finding:
        fix = None
        is_statement = isinstance(file.parents.get(node), ast.Expr)
        if is_statement and isinstance(scope.node, ast.AsyncFunctionDef) and name not in STARTS:
            place = file.locate(node)
            start = type(place)(place.path, place.line, place.column, place.line, place.column)
            fix = Fix(start, "await ")
        return file.report(
            self.code,
            node,
            f"{name}() returns a coroutine, but it is not awaited, so it does nothing.",
            f"Write `await {ast.unparse(node)}`."
            if name not in STARTS
            else f"Write `async with {ast.unparse(node)}:`.",
            fix=fix,
        )


def _dropped(file: SourceFile, call: ast.Call, scope: Scope) -> str:
    """Return the name of the coroutine method that a call starts, or "" for any other call."""
    if not isinstance(call.func, ast.Attribute):
        return ""
    method = file.value(call.func, scope)
    summary = file.project.function(method)
    owner = method.inner if method and (summary is None or summary.is_async) else None
    name = call.func.attr
    if owner is None or owner.kind != "instance" or owner.module:
        return ""
    is_start = name in STARTS and owner.is_a(*sa.CONVERSATIONS)
    return name if is_start or name in sa.COROUTINES.get(owner.name, ()) else ""


def _is_lost(file: SourceFile, node: ast.AST) -> bool:
    """Return whether the code around an expression discards its value, tests it, or iterates over
    it.
    """
    match around := file.parents.get(node):
        case ast.Expr() | ast.Compare() | ast.For() | ast.AsyncFor() | ast.comprehension():
            return True
        case ast.UnaryOp(op=ast.Not()):
            return True
        case ast.If() | ast.While() | ast.Assert():
            return around.test is node
        case ast.IfExp(test=test):
            return test is node or _is_lost(file, around)
        case ast.BoolOp(values=[*_, last]):
            return last is not node or _is_lost(file, around)
        case ast.ListComp(elt=item):
            return item is node and isinstance(file.parents.get(around), ast.Expr)
        case ast.Call(func=ast.Name(id="bool" | "len" | "list" | "set" | "tuple" | "sorted")):
            return True
    return False


def _is_tested(name: str, scope: Scope) -> bool:
    """Return whether a function tests a variable that it assigns only once.

    A test of a coroutine is useless, because a coroutine is always true.
    """
    if len(scope.bindings.get(name, ())) != 1:
        return False
    for item in ast.walk(scope.node):
        match getattr(item, "test", None):
            case (
                ast.Name(id=other)
                | ast.UnaryOp(operand=ast.Name(id=other))
                | ast.Compare(left=ast.Name(id=other))
            ) if other == name:
                return True
    return False


def _is_coroutine(file: SourceFile, node: ast.expr, scope: Scope) -> bool:
    value = file.value(node, scope)
    source = _source(node, scope)
    return is_awaitable(value) and source is not None and bool(_dropped(file, source, scope))


def is_awaitable(value: Value | None) -> bool:
    """Return whether a value is a coroutine that has not been awaited."""
    return value is not None and value.kind == "await"


def _source(node: ast.expr, scope: Scope) -> ast.Call | None:
    """Return the call that created a coroutine."""
    if isinstance(node, ast.Name):
        owner = scope.find(node.id)
        bindings = owner.bindings[node.id] if owner else []
        node = bindings[0][1] if len(bindings) == 1 and bindings[0][0] == "value" else node
    return node if isinstance(node, ast.Call) else None


def _name(node: ast.expr) -> str:
    func = node.func if isinstance(node, ast.Call) else node
    return func.attr if isinstance(func, ast.Attribute) else ast.unparse(func)


def _is_read(name: str, scope: Scope) -> bool:
    return any(
        isinstance(item, ast.Name) and item.id == name and isinstance(item.ctx, ast.Load)
        for item in ast.walk(scope.node)
    )


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
            ) if other == name:
                return True
    return False
