"""The rule OAT102: a session that is stored in a module, a class or the state of an application."""

import ast
from collections.abc import Iterator
from typing import ClassVar

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.callers import all_arguments
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.scopes import Function, Scope, creation, last_name
from orm_async_tests.lint.source_file import SourceFile

CACHES = {"lru_cache", "cache", "cached", "singleton", "alru_cache"}
STORING = ("setdefault", "append", "put_nowait", "set_default")
USING = {"run", "Depends", "run_until_complete"}  # functions that do not keep their argument
SESSION, HOLDER = "The code stores this session", "The code stores an object that holds a session"
GLOBAL, CLASS, STATE = "a global variable", "a class", "the application's state"
WRONG = """
session = AsyncSession(engine)


async def count_users() -> int | None:
    return await session.scalar(select(func.count(User.id)))
"""
RIGHT = """
Session = async_sessionmaker(engine)


async def count_users() -> int | None:
    async with Session() as session:
        return await session.scalar(select(func.count(User.id)))
"""


class SessionInModule(Rule):
    """All tasks share a session in a global variable, a class attribute or app.state.

    A factory of sessions, for example an async_sessionmaker, may be global.

    OAT102 ignores a global object that opens its session in a method other than __init__().

    An async_scoped_session may be global, because every task gets a separate session.
    """

    code = "OAT102"
    scripts = (24,)
    examples: ClassVar = {"Wrong": WRONG, "Right": RIGHT}
    message = "{1} in {0}, so all tasks share the session and its connection."
    remedy = "Store a session factory, and open a session for every request or task."

    def check(self, file: SourceFile) -> Iterator[Finding]:
        places = {node: (place, scope) for node, place, scope in _stored(file) if place}
        for node, (place, scope) in places.items():
            if _opens_session(file, node, scope):
                value = file.value(node, scope)
                holds = value is not None and value.module != ""
                yield self.report(file, node, place, HOLDER if holds else SESSION)


def _stored(file: SourceFile) -> Iterator[tuple[ast.expr, str, Scope]]:
    """Yield each stored value, the place that stores it (for example "a class"), and its scope."""
    for node, scope in [*file.nodes(ast.Assign), *file.nodes(ast.AnnAssign)]:
        targets = getattr(node, "targets", None) or [node.target]
        yield from ((node.value, _place(file, target, scope), scope)
                    for target in targets if node.value)  # fmt: skip
    for call, scope in file.calls(*STORING):
        if isinstance(call.func, ast.Attribute) and call.args:
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
    """Return whether the result of a call may outlive its statement."""
    around = file.parent(call)
    while isinstance(around, ast.Call):
        if last_name(around) in USING:
            return False
        around = file.parent(around)
    return not isinstance(around, ast.withitem | ast.With | ast.AsyncWith | ast.Attribute)


def _place(file: SourceFile, target: ast.expr, scope: Scope) -> str:
    """Return the shared place that stores a value, for example "a class", or ""."""
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
    holder = file.value(getattr(target, "value", target), scope)
    is_state = (rest[:-1] and rest[-2] == "state") or (holder and holder.is_a("State"))
    if is_state and "request" not in path:
        return STATE
    return CLASS if rest and scope.role(root) in ("cls", "class") else ""


def _opens_session(file: SourceFile, node: ast.expr, scope: Scope, depth: int = 2) -> bool:
    """Return whether an expression opens a session, or creates an object that holds one."""
    value = file.value(node, scope)
    source, scope = file.project.origin(node, scope)
    call = creation(source, scope)
    values = [value, *value.parts] if value and value.kind == "item" else [value]
    if call is None or file.external_name(call.func, scope):  # for example Depends(...)
        return False
    function = file.project.function(file.value(call.func, scope))
    returned = function.returned if function else []
    if any(one and one.is_a(sa.SESSION) for one in values):
        return not any("Depends" in ast.unparse(item) for item in returned)
    parts = _held(file, call, scope) if depth else ()
    return any(_opens_session(file, *part, depth - 1) for part in parts)


def _held(file: SourceFile, call: ast.Call, scope: Scope) -> Iterator[tuple[ast.expr, Scope]]:
    """Yield the expressions from which a new object may get its session."""
    value = file.value(call, scope)
    names = file.use.session_attributes(value) if value and value.module else []
    for item in [item for name in names for item in file.project.member(value, name)]:
        if item.kind == "value" and item.scope.name.endswith("init__"):
            has_arguments = call.args or call.keywords
            nodes = [item.node] if has_arguments else _alternatives(item.node, item.scope)
            yield from ((node, item.scope) for node in nodes)
    if function := file.project.function(file.value(call.func, scope)):
        for created in [creation(node, function) for node in function.returned]:
            nodes = all_arguments(created) if created else []
            yield from ((node, function) for node in nodes)


def _alternatives(node: ast.expr, scope: Scope) -> list[ast.expr]:
    """Return the values that an expression such as `session or Session()` may have."""
    match node:
        case ast.BoolOp(values=values):
            return values
        case ast.IfExp(body=body, orelse=orelse):
            return [body, orelse]
        case ast.Name(id=name):  # perhaps a parameter with a new value
            return [item.node for item in scope.bindings.get(name, ()) if item.kind == "value"]
    return [node]
