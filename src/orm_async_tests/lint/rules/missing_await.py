"""OAT103: a coroutine of a session, connection or engine that is not awaited."""

import ast
from collections.abc import Iterator

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding, Fix
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.scopes import Scope, creation
from orm_async_tests.lint.source_file import SourceFile

METHODS = {"connect"}.union(*sa.COROUTINES.values())
STARTS = {"begin", "begin_nested"}
BEFORE_CONNECTING = {"start", "execution_options", "sync_connection", "engine"}
OPEN_TYPES = {"Awaitable", "Coroutine", "Any", "object", "Future", "Task"}
TESTING = (ast.Compare, ast.UnaryOp, ast.BoolOp, ast.If, ast.While, ast.Assert, ast.IfExp)


class MissingAwait(Rule):
    """You call a coroutine method of a session or a connection, but do not await it.

    - If a function returns a coroutine or passes it on, other code may await it.
    """

    code = "OAT103"
    scripts = (66, 126)
    message = "{}() returns a coroutine, but it is not awaited, so it does nothing."
    remedy = "Write `{1}`."

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for node, scope, name in dict.fromkeys(self._lost(file)):
            text, fix = ast.unparse(node), None
            is_statement = isinstance(file.parent(node), ast.Expr)
            if is_statement and scope.is_async and name not in STARTS:
                place = file.locate(node)
                start = type(place)(place.path, place.line, place.column, place.line, place.column)
                fix = Fix(start, "await ")
            text = f"async with {text}:" if name in STARTS else f"await {text}"
            yield self.report(file, node, name, text, fix=fix)

    def _lost(self, file: SourceFile) -> Iterator[tuple[ast.expr, Scope, str]]:
        """Yield the coroutines that are not awaited, with the names of the methods that return
        them.
        """
        for call, scope in file.calls(*METHODS, *STARTS):
            name = _dropped(file, call, scope) if _is_lost(file, call, scope) else ""
            if name:
                yield call, scope, name
        for attribute, scope in file.nodes(ast.Attribute):
            source = creation(attribute.value, scope)
            is_awaited = source is None or isinstance(attribute.value, ast.Await)
            if source and not is_awaited and getattr(source.func, "attr", "") in METHODS:
                yield from self._lost_object(file, attribute, source, scope)
        for node, scope in file.nodes(ast.Assign):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                    method = _dropped(file, call, scope)
                    if method and _is_never_awaited(name, scope, method in STARTS):
                        yield call, scope, method
        for name, calls in [*file.module.calls.items()]:
            lost = [item for item in calls if isinstance(file.parent(item[0]), ast.Expr)]
            function = file.function_named(name) if lost else None
            for call, scope in lost if function and not function.decorators else ():
                value = file.value(call, scope)
                is_coroutine = function.is_async if function else False
                is_coroutine = is_coroutine or (value is not None and value.kind == "await")
                events = file.use.events(call, scope) if is_coroutine else ()
                if any(event.operations & sa.STATEMENTS for event in events):
                    yield call, scope, name

    def _lost_object(
        self, file: SourceFile, attribute: ast.Attribute, call: ast.Call, scope: Scope
    ) -> Iterator[tuple[ast.expr, Scope, str]]:
        """Yield a coroutine, or a connection of an engine, if code reads an attribute of it without
        awaiting it.
        """
        node = attribute.value
        if isinstance(node, ast.Name) and scope.find(node.id) in (None, file.module.scope):
            return
        value = file.value(node, scope)
        name = _dropped(file, call, scope)
        if value and value.kind == "await" and name:
            yield call, scope, name
        elif value and value.is_a(sa.CONNECTING) and attribute.attr not in BEFORE_CONNECTING:
            is_call = isinstance(file.parent(attribute), ast.Call)
            if is_call and not (isinstance(node, ast.Name) and _is_entered(node.id, scope)):
                yield node, scope, "connect"


def _dropped(file: SourceFile, call: ast.Call, scope: Scope) -> str:
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
        case ast.Return():
            return scope.is_async and _returns_no_coroutine(scope)
    return False


def _returns_no_coroutine(scope: Scope) -> bool:
    """Return whether the annotation of a function names another type than a coroutine."""
    returns = scope.node.returns
    return returns is not None and not names_in_set(returns) & OPEN_TYPES


def names_in_set(node: ast.AST) -> set[str]:
    """Return the names and the attributes that an annotation contains."""
    return {getattr(item, "attr", getattr(item, "id", "")) for item in ast.walk(node)}


def _is_never_awaited(name: str, scope: Scope, is_start: bool) -> bool:
    """Return whether a function only reads or tests a variable that holds one coroutine."""
    if len(scope.bindings.get(name, ())) != 1:
        return False
    parents = [parent for parent in ast.walk(scope.node) for child in ast.iter_child_nodes(parent)
               if isinstance(child, ast.Name) and child.id == name
               and isinstance(child.ctx, ast.Load)]  # fmt: skip
    if any(isinstance(parent, (ast.Await, ast.withitem)) for parent in parents):
        return False
    tested = [parent for parent in parents if isinstance(parent, TESTING)]
    read = [
        parent
        for parent in parents
        if isinstance(parent, (ast.For, ast.AsyncFor, ast.comprehension))
        or (isinstance(parent, ast.Attribute) and parent.attr not in BEFORE_CONNECTING)
        or (isinstance(parent, ast.Return) and _returns_no_coroutine(scope) and scope.is_async)
    ]
    is_passed = len(tested) + len(read) < len(parents)
    return not is_passed or (bool(tested) and not is_start)


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
