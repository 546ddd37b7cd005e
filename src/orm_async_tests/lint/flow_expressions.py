"""Determines how expressions change the control flow, for example by swallowing errors."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.callers import all_arguments
from orm_async_tests.lint.flow_state import (
    CANCELLED,
    DATABASE,
    TIMEOUT,
    Raised,
    State,
    assignments,
)
from orm_async_tests.lint.plain_statements import CHANGE, WRITE
from orm_async_tests.lint.resolution import Project
from orm_async_tests.lint.scopes import (
    Scope,
    awaited_name,
    creation,
    end_of,
    last_name,
    names_in,
    start_of,
    walk,
)
from orm_async_tests.lint.session_use import (
    ADDING,
    CHANGES,
    FLUSHING,
    OTHER,
    READS,
    Event,
    SessionUse,
    is_session,
)

if TYPE_CHECKING:
    from orm_async_tests.lint.flows import Flows
    from orm_async_tests.lint.session_flow import SessionFlow

BODY = "what a manager or decorator wraps"  # the key of its session
ENDING_THE_PROCESS = {"sys.exit", "os._exit", "exit", "quit", "pytest.fail", "pytest.skip"}
MANAGERS = {"asynccontextmanager", "contextmanager"}
LOOPS = (ast.For, ast.AsyncFor, ast.While)
HANDLER = ast.ExceptHandler
JUMPS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
EVERY = {"Exception", "BaseException"}
BROAD = {"SQLAlchemyError", "DBAPIError", "StatementError", "DatabaseError"}
ERRORS = {"SQLAlchemyError", "DBAPIError", "IntegrityError", "OperationalError", "DataError",
          "ProgrammingError", "InternalError", "DatabaseError", "StatementError", "Exception",
          "BaseException", "NotSupportedError", "InterfaceError"}  # fmt: skip
CLASSES = {  # the classes that may catch an exception, by its kind
    DATABASE: ERRORS, TIMEOUT: {"TimeoutError", *EVERY}, CANCELLED: {CANCELLED, "BaseException"},
}  # fmt: skip


def depends_of(project: Project, name: str, scope: Scope) -> list[tuple[ast.Call, Scope]]:
    """Return the calls to Depends() in the annotation and in the default of a parameter."""
    parts = [getattr(scope.bindings[name][0].node, "annotation", None), scope.defaults.get(name)]
    places = [(part, scope.parent or scope) for part in parts if part]
    return [call for place in places for call in _find_depends(project, *place)]


def _find_depends(
    project: Project, node: ast.AST, scope: Scope, depth: int = 4
) -> Iterator[tuple[ast.Call, Scope]]:
    node, scope = project.origin(node, scope)
    parts: list[tuple[ast.AST, Scope]] = []
    match node:
        case ast.Call(func=func):
            value = project.value(func, scope)
            if value and value.kind == "external" and value.name.endswith((".Depends", "Security")):
                yield node, scope
            if value and value.kind == "class" and value.module:
                value = project.attribute(value, "__new__")
            if function := project.function(value):
                parts = [(item, function) for item in function.returned]
        case ast.Subscript(slice=ast.Tuple(elts=[_, *rest])):
            parts = [(item, scope) for item in rest]
        case ast.BinOp(left=left, right=right):
            parts = [(left, scope), (right, scope)]
    for part in parts:
        yield from _find_depends(project, *part, depth - 1) if depth else ()


def caught_by(project: Project, node: ast.expr | None, scope: Scope) -> Iterator[str]:
    if node is None:
        yield "BaseException"
        return
    node = node.value if isinstance(node, ast.Starred) else node
    source, scope = project.origin(node, scope)
    if isinstance(source, ast.Tuple):
        for part in source.elts:
            yield from caught_by(project, part, scope)
        return
    value = project.value(source, scope)
    name = value.name if value else last_name(source)
    of_driver = name.partition(".")[0] in ("asyncpg", "psycopg", "psycopg2", "sqlite3")
    last = name.rpartition(".")[2]
    is_other = of_driver or name == "sqlalchemy.exc.TimeoutError" or last in project.unraised
    yield f"driver {last}" if is_other else last


def catches(names: list[str], kinds: frozenset[str]) -> bool:
    """Return whether an exception handler for the classes `names` may catch an exception."""
    return any(not CLASSES.get(kind, {kind, *EVERY}).isdisjoint(names) for kind in kinds)


def catches_timeout(names: list[str], kinds: frozenset[str]) -> bool:
    return catches(names, kinds & {TIMEOUT, CANCELLED})


def uncaught(names: list[str], raised: list[Raised]) -> Iterator[Raised]:
    """Yield the errors that an exception handler for the classes `names` may not catch."""
    certain = CLASSES | {DATABASE: BROAD | EVERY}
    for item in raised:
        kinds = {kind for kind in item.kinds
                 if certain.get(kind, {kind, *EVERY}).isdisjoint(names)}  # fmt: skip
        if kinds:
            yield replace(item, kinds=frozenset(kinds))


def without_rare(
    flows: "Flows",
    scope: Scope,
    node: ast.Try | ast.TryStar,
    handler: ast.ExceptHandler,
    caught: list[Raised],
) -> list[Raised] | None:
    """Remove the errors of SQL that rarely fails if the handler is for other errors.

    A handler for all exceptions usually expects errors of other code. A SELECT raises no
    IntegrityError. UPDATE and DELETE rarely fail, so also remove their errors if the block awaits
    other code and the handler for all exceptions sends no SQL. The handler may send SQL if it and
    the block pass the session to no function and insert no rows. If no error remains, and the block
    awaits only calls that use sessions, return None.
    """
    use = flows.use
    names = [*caught_by(use.project, handler.type, scope)]
    errors = {*names} & ERRORS - EVERY
    if not caught or errors - {"IntegrityError"}:
        return caught
    events = [event for part in node.body for event in use.events(part, scope)]
    # A nested `try` block handles its errors itself.
    calls = (call for part in node.body for call in scope.calls_in(part))
    awaited = [call for call in calls if use.awaits_other(call, scope)]
    others = [call for call in awaited if _around(call, scope, ast.Try) is node]
    is_mixed = others or any(OTHER in event.operations for event in events)
    handled = [event for part in handler.body for event in use.events(part, scope)]
    sent = [*events, *handled] if handled else []
    is_calm = not errors and all(item.operations <= CHANGES and not item.callee for item in sent)
    rare = CHANGES if is_mixed and is_calm else READS
    kept = {item.key for item in caught
            if not item.operations <= rare or catches_timeout(names, item.kinds)}  # fmt: skip
    kept |= _keys_to_flush(flows, scope, node)
    remaining = [item for item in caught if item.key in kept]
    return remaining if remaining or others else None


def _keys_to_flush(flows: "Flows", scope: Scope, node: ast.Try | ast.TryStar) -> set[str]:
    """Return the sessions in which a `try` block may flush new objects."""
    known, keys = scope.module.values, set[str]()
    if (scope, "flushes") not in known:
        known[scope, "flushes"] = [event for event in flows.use.events(scope.node, scope)
                                   if event.operations & (ADDING | FLUSHING)]  # fmt: skip
    loop, end = _around(node, scope, LOOPS), end_of(node.body[-1])
    # In a loop, the events of the previous pass come first.
    for limit in [end_of(loop), end] if loop else [end]:
        for event in known[scope, "flushes"]:
            place, flushes = end_of(event.node), event.operations & FLUSHING
            if place > limit:
                continue
            if place > start_of(node) and raising(event, flows.called(event, State())) & FLUSHING:
                flushes = frozenset()
            if flushes:
                keys.discard(event.key)
            elif event.operations & ADDING:
                keys.add(event.key)
    return keys


def _around(
    node: ast.AST, scope: Scope, kinds: type[ast.AST] | tuple[type[ast.AST], ...]
) -> ast.AST | None:
    """Return the closest syntax node of the classes `kinds` around a syntax node."""
    return next((item for item in scope.module.ancestors(node) if isinstance(item, kinds)), None)


def call_around(node: ast.AST | None, name: str, scope: Scope) -> ast.Call | None:
    """Return the call to the function `name` that surrounds a syntax node, or None."""
    while isinstance(node, ast.Call | ast.Starred | ast.List):
        if isinstance(node, ast.Call) and last_name(node) == name:
            return node
        node = scope.module.parents.get(node)
    return None


def returns_exceptions(node: ast.AST, scope: Scope) -> bool:
    """Return whether gather(return_exceptions=True) runs a call, and no code rolls back."""
    gather = call_around(node, "gather", scope)
    is_returned = gather is not None and "return_exceptions" in [k.arg for k in gather.keywords]
    return is_returned and not any("rollback" in last_name(call) for call in scope.calls)


def wrapped_in(node: ast.AST, scope: Scope) -> Iterator[tuple[str, ast.AST]]:
    is_nested = hasattr(getattr(scope.parent, "node", None), "args")
    if not (is_nested or scope.yielded or scope.awaited):
        return
    for item in walk(node):
        match item:
            case ast.Yield() if scope.decorators & MANAGERS:
                yield BODY, item
            case ast.Call(func=ast.Name(id=name)) if scope.role(name) == "param":
                if scope.find(name) is not scope:
                    yield BODY, item
            case ast.Await() | ast.Call() if (name := awaited_name(item)) in scope.parameters:
                yield name, item


def is_tested(project: Project, node: ast.AST, scope: Scope) -> bool:
    """Return whether the code tests a call's result, for example with `if not result: return`."""
    parents, known = scope.module.parents, scope.module.values
    while isinstance(around := parents.get(node), ast.expr):
        node = around
    if (scope, "tested") not in known:
        tests = [test for test in scope.tests if _may_jump(project, test, scope)]
        nodes = (test.subject if isinstance(test, ast.Match) else test.test for test in tests)
        known[scope, "tested"] = {name for node in nodes for name in names_in(node)}
    pairs = assignments(around) if isinstance(around, ast.stmt) else ()
    results = [node] if hasattr(around, "test") else [target for target, _ in pairs]
    return any(name in known[scope, "tested"] for item in results for name in names_in(item))


def _may_jump(project: Project, node: ast.AST, scope: Scope) -> bool:
    return isinstance(node, ast.While | ast.Assert) or any(
        isinstance(part, JUMPS)
        or (type(part) is ast.Expr and never_returns(project, part.value, scope))
        for part in walk(node)
    )


def tests_state(test: ast.expr, scope: Scope) -> bool:
    """Return whether a condition tests the state of a session, for example in_transaction()."""
    calls = [creation(node, scope) or node for node in walk(test)]
    return not sa.STATE_TESTS.isdisjoint(map(last_name, calls))


def is_chosen(node: ast.AST, scope: Scope) -> bool:
    """Return whether code such as `begin() if not session.in_transaction() else ...` is around."""
    around = _around(node, scope, (ast.stmt, ast.IfExp))
    return isinstance(around, ast.IfExp) and tests_state(around.test, scope)


def is_repeated(node: ast.AST, scope: Scope) -> bool:
    return isinstance(_around(node, scope, (ast.stmt, *COMPREHENSIONS)), COMPREHENSIONS)


def may_fail(event: Event, flow: "SessionFlow | None") -> bool:
    """Return whether a called function may leave the session in a failed transaction."""
    if event.callee is None or "rollback" in last_name(event.node):
        return False
    return bool(raising(event, flow)) or flow is None or any(
        end.failures.get(name) for end in flow.ends for name in event.inside
    )  # fmt: skip


def raising(event: Event, flow: "SessionFlow | None") -> frozenset[str]:
    """Return the operations in a call that may raise an error and leave a transaction open."""
    if flow is None:
        return event.operations
    return frozenset[str]().union(*(flow.raised.get(name, ()) for name in event.inside))


def returns_true(method: Scope) -> bool:
    returns = (item for item in walk(method.node) if isinstance(item, ast.Return))
    return any(getattr(item.value, "value", item.value) for item in returns)


def never_returns(project: Project, node: ast.expr, scope: Scope) -> bool:
    """Return whether an expression ends the program or always raises an exception."""
    node = node.value if isinstance(node, ast.Await) else node
    value = project.value(node.func, scope) if isinstance(node, ast.Call) else None
    if value and value.kind == "external":
        return value.name in ENDING_THE_PROCESS
    function = project.function(value)
    if function is None or isinstance(function.node, ast.Lambda):
        return False
    return isinstance(function.node.body[-1], ast.Raise) and not function.returned


def protected_by(use: SessionUse, item: ast.withitem, scope: Scope) -> set[str]:
    """Return the sessions that a context manager rolls back or closes on exit."""
    parts = [item.context_expr]
    if isinstance(item.context_expr, ast.Call):
        func = item.context_expr.func
        parts = [getattr(func, "value", func), *all_arguments(item.context_expr)]
    keys = {key for part in parts for key in use.keys(part, scope)}
    if isinstance(item.context_expr, ast.Name | ast.Attribute):
        value = use.project.value(item.context_expr, scope)
        leave = use.project.function(use.project.attribute(value, "__aexit__"))
        names = {*chain(*use.effects(leave).values())} if leave else set[str]()
        # The implementation of an abstract method is not known.
        if leave and ("abstractmethod" in leave.decorators or names & sa.ENDINGS):
            keys.add(scope.path(item.context_expr))
    if last_name(item.context_expr) == "begin_nested":
        keys.add("the session of a savepoint")  # it may be the session of an object
    return keys


def committed_by(use: SessionUse, item: ast.withitem, scope: Scope) -> list[str]:
    func = getattr(item.context_expr, "func", None)
    if not isinstance(func, ast.Attribute) or func.attr != "begin":
        return []
    value = use.project.value(item.context_expr, scope)
    opens = value is not None and value.kind == "enter" and is_session(value.inner)
    is_owned = is_session(use.project.value(func.value, scope))
    keys = use.keys(func.value, scope) if is_owned else ()
    return [*(names_in(item.optional_vars) if opens else ()), *keys]


def is_single(use: SessionUse, key: str, node: ast.With | ast.AsyncWith, scope: Scope) -> bool:
    """Return whether a block sends only one statement besides SELECTs, and flushes nothing.

    The statements of an exception handler do not count, because the first statement has failed.
    """
    events = [event for part in node.body for event in use.events(part, scope)
              if event.key == key and not event.operations <= READS
              and not isinstance(_around(event.node, scope, HANDLER), HANDLER)]  # fmt: skip
    inner = use.project.function(events[0].callee) if len(events) == 1 else None
    events = use.events(inner.node, inner) if inner else events
    return len(events) < 2 and all(event.operations <= READS | {CHANGE, WRITE} for event in events)


def is_first(event: Event, scope: Scope) -> bool:
    names, line = {"commit", "begin", "rollback"}, event.node.lineno
    return not any(last_name(call) in names and call.lineno < line for call in scope.calls)
