"""OAT102: a session that is stored in a module, a class or the state of an application."""

import ast
from collections.abc import Iterator

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.scopes import Function, Scope, creation, last_name
from orm_async_tests.lint.source_file import SourceFile

CACHES = {"lru_cache", "cache", "cached", "singleton", "alru_cache"}


class SessionInModule(Rule):
    """All tasks share a session in a global variable, a class attribute or app.state.

    - A factory of sessions, for example an async_sessionmaker, may be global.
    - An async_scoped_session may be global, because it has a session for every task.
    """

    code = "OAT102"
    scripts = (24,)
    message = "This session is kept in {}, so all tasks share it and its connection."
    remedy = "Store a session factory, and open a session for every request or task."

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for node, place, scope in dict.fromkeys(_kept(file)):
            if _opens_session(file, node, scope):
                yield self.report(file, node, place)


def _kept(file: SourceFile) -> Iterator[tuple[ast.expr, str, Scope]]:
    """Yield each expression whose value lives as long as the program, and the place that keeps the
    value.
    """
    for node, scope in [*file.nodes(ast.Assign), *file.nodes(ast.AnnAssign)]:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        place = next((text for target in targets if (text := _place(file, target, scope))), "")
        if place and node.value:
            yield node.value, place, scope
    for scope in [file.module.scope, *file.module.scopes.values()]:
        if scope.is_module or isinstance(scope.node, ast.ClassDef):
            place = "a global variable" if scope.is_module else "a class"
            yield from ((call, place, scope) for call in scope.calls if _is_kept(file, call))
        elif isinstance(scope.node, Function):
            defaults = [*scope.node.args.defaults, *scope.node.args.kw_defaults]
            yield from ((node, "a default argument", scope) for node in defaults if node)
            if scope.decorators & CACHES:
                yield from ((node, "a cache", scope) for node in scope.returned)
    for call, scope in file.calls("setattr", "setdefault", "append", "put_nowait", "set_default"):
        target: ast.expr = ast.Constant(None)
        if len(call.args) > 2 and isinstance(call.func, ast.Name):
            target = ast.Attribute(call.args[0], "session")
        elif isinstance(call.func, ast.Attribute) and call.args:
            target = ast.Subscript(call.func.value, ast.Constant("session"))
        if place := _place(file, target, scope):
            yield call.args[-1], place, scope


def _is_kept(file: SourceFile, call: ast.Call) -> bool:
    """Return whether a call at import may give its value to a variable or an object."""
    around = file.parent(call)
    while isinstance(around, ast.Call):
        if last_name(around) in ("run", "Depends", "run_until_complete"):
            return False
        around = file.parent(around)
    return not isinstance(around, ast.withitem | ast.With | ast.AsyncWith)


def _place(file: SourceFile, target: ast.expr, scope: Scope) -> str:
    """Return where an assignment stores its value. Return "" if only one function or one object can
    read the value.
    """
    if isinstance(target, ast.Name):
        if scope.is_module or target.id in scope.globals:
            return "a global variable"
        return "a class" if isinstance(scope.node, ast.ClassDef) else ""
    if isinstance(target, ast.Subscript):
        value = file.value(target.value, scope)
        if (value and value.is_a("Application")) or scope.path(target.value) in ("app", "self.app"):
            return "the application's state"
        owner = scope.find(scope.path(target.value).partition(".")[0])
        return "a global variable" if owner and owner.is_module else ""
    path = scope.path(target)
    root, *rest = path.split(".")
    if rest[:-1] and rest[-2] == "state" and "request" not in path:
        return "the application's state"
    return "a class" if rest and scope.role(root) in ("cls", "class") else ""


def _opens_session(file: SourceFile, node: ast.expr, scope: Scope) -> bool:
    value = file.value(node, scope)
    source, scope = file.project.origin(node, scope)
    call = creation(source, scope)
    if call is None or value is None or not value.is_a(sa.SESSION):
        return False
    function = file.project.function(file.value(call.func, scope))
    if function and any("Depends" in ast.unparse(item) for item in function.returned):
        return False
    return file.external_name(call.func, scope) == ""  # not Depends(...)
