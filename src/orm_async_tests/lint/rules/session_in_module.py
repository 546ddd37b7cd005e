"""The rule OAT102: a session that is stored in a module, a class or the state of an application."""

import ast
from collections.abc import Iterator

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.scopes import Function, Scope, creation, last_name
from orm_async_tests.lint.source_file import SourceFile

CACHES = {"lru_cache", "cache", "cached", "singleton", "alru_cache"}
STORING = ("setattr", "setdefault", "append", "put_nowait", "set_default")
USING = {"run", "Depends", "run_until_complete"}  # functions that do not keep their argument
GLOBAL, CLASS, STATE = "a global variable", "a class", "the application's state"


class SessionInModule(Rule):
    """All tasks share a session in a global variable, a class attribute or app.state.

    A factory of sessions, for example an async_sessionmaker, may be global.

    An async_scoped_session may be global, because every task gets a separate session.
    """

    code = "OAT102"
    scripts = (24,)
    message = (
        "The code stores this session in {}, so all tasks share the session and its connection."
    )
    remedy = "Store a session factory, and open a session for every request or task."

    def check(self, file: SourceFile) -> Iterator[Finding]:
        places = {node: (place, scope) for node, place, scope in _stored(file) if place}
        for node, (place, scope) in places.items():
            if _opens_session(file, node, scope):
                yield self.report(file, node, place)


def _stored(file: SourceFile) -> Iterator[tuple[ast.expr, str, Scope]]:
    """Yield each stored value, its place (for example "a class"), and the assignment's scope."""
    for node, scope in [*file.nodes(ast.Assign), *file.nodes(ast.AnnAssign)]:
        targets = getattr(node, "targets", None) or [node.target]
        yield from ((node.value, _place(file, target, scope), scope)
                    for target in targets if node.value)  # fmt: skip
    for call, scope in file.calls(*STORING):
        if len(call.args) > 2 and isinstance(call.func, ast.Name):
            yield call.args[-1], _place(file, ast.Attribute(call.args[0], ""), scope), scope
        elif isinstance(call.func, ast.Attribute) and call.args:
            item = ast.Subscript(call.func.value, call.args[0])
            yield call.args[-1], _place(file, item, scope), scope
    for scope in file.module.all_scopes:
        if isinstance(scope.node, ast.Module | ast.ClassDef):
            place = GLOBAL if scope.is_module else CLASS
            yield from ((call, place, scope) for call in scope.calls if _is_kept(file, call))
        elif isinstance(scope.node, Function):
            defaults = [*scope.node.args.defaults, *scope.node.args.kw_defaults]
            results = scope.returned if scope.decorators & CACHES else []
            yield from ((node, "a default argument", scope) for node in defaults if node)
            yield from ((node, "a cache", scope) for node in results)


def _is_kept(file: SourceFile, call: ast.Call) -> bool:
    """Return whether the result of a call may outlive the statement that contains the call."""
    around = file.parent(call)
    while isinstance(around, ast.Call):
        if last_name(around) in USING:
            return False
        around = file.parent(around)
    return not isinstance(around, ast.withitem | ast.With | ast.AsyncWith)


def _place(file: SourceFile, target: ast.expr, scope: Scope) -> str:
    """Describe the place that stores an assigned value, for example "a class". Return "" if tasks
    do not share the place.
    """
    if isinstance(target, ast.Name):
        if scope.is_module or target.id in scope.globals:
            return GLOBAL
        return CLASS if isinstance(scope.node, ast.ClassDef) else ""
    if isinstance(target, ast.Subscript):
        value, path = file.value(target.value, scope), scope.path(target.value)
        if (value and value.is_a("Application")) or path in ("app", "self.app"):
            return STATE
        owner = scope.find(path.partition(".")[0])
        return GLOBAL if owner and owner.is_module else ""
    path = scope.path(target)
    root, *rest = path.split(".")
    if rest[:-1] and rest[-2] == "state" and "request" not in path:
        return STATE
    return CLASS if rest and scope.role(root) in ("cls", "class") else ""


def _opens_session(file: SourceFile, node: ast.expr, scope: Scope) -> bool:
    value = file.value(node, scope)
    source, scope = file.project.origin(node, scope)
    call = creation(source, scope)
    values = [value, *value.parts] if value and value.kind == "item" else [value]
    if call is None or not any(one and one.is_a(sa.SESSION) for one in values):
        return False
    function = file.project.function(file.value(call.func, scope))
    returned = function.returned if function else []
    is_dependency = any("Depends" in ast.unparse(item) for item in returned)
    return not is_dependency and file.external_name(call.func, scope) == ""  # not Depends(...)
