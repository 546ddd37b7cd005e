"""The rules OAT301 and OAT302: request sessions that are committed or used too late."""

import ast
from collections.abc import Iterator

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.callers import all_arguments, arguments_of
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.flow_expressions import depends_of
from orm_async_tests.lint.rules.rule import Rule, argument, uses_of_call
from orm_async_tests.lint.scopes import Scope, last_name, later, names_in
from orm_async_tests.lint.session_use import PATHS
from orm_async_tests.lint.source_file import SourceFile
from orm_async_tests.lint.tasks import starts

OWNERS = (sa.SESSION, sa.FACTORY, sa.SCOPED, sa.ENGINE, sa.CONNECTION)
KEEPING = {"add", "append"}
LOOPS = {"asyncio.get_running_loop", "asyncio.get_event_loop", "asyncio.new_event_loop"}
STARTING = {"asyncio.create_task", "asyncio.ensure_future"}


def dependencies(file: SourceFile) -> Iterator[tuple[str, str, bool]]:
    """Yield each dependency's module and name, and whether it ends before the response."""
    for call, scope in file.calls("Depends", "Security"):
        nodes = argument(call, 0, "dependency")
        function = file.project.function(file.project.callee(nodes[0], scope)) if nodes else None
        if function is None:
            continue
        yield function.module.path, function.name, _is_short(file, call)
        managers = function.managers if function.yielded else []
        for item in (item for manager in managers for item in manager.items):
            if isinstance(item.context_expr, ast.Call):
                value = file.value(item.context_expr.func, function)
                if value and value.kind == "function":
                    yield value.module, value.name, _is_short(file, call)


def _is_short(file: SourceFile, call: ast.Call) -> bool:
    """Return whether the code after `yield` in a dependency may run before the response."""
    scopes = [getattr(k.value, "value", None) for k in call.keywords if k.arg == "scope"]
    return file.facts.exits_before_response or any(scope != "request" for scope in scopes)


class CommitAfterYield(Rule):
    """A FastAPI dependency commits after `yield`, when FastAPI has already sent the response.

    With Depends(..., scope="function"), the code after `yield` runs before FastAPI sends the
    response.

    In FastAPI 0.106 to 0.117, the code after `yield` always ran before FastAPI sent the response.

    The rule OAT301 ignores a function that no Depends() in the checked files uses.
    """

    code = "OAT301"
    scripts = (50,)
    message = (
        "This line commits after FastAPI has sent the response. If COMMIT fails, the client has "
        "already received a response that reports success."
    )
    remedy = 'Write Depends(..., scope="function"), or commit in the endpoint.'
    related_message = "FastAPI sends the response here"

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for scope in file.module.scopes.values():
            if scope.is_async and scope.yielded and "fixture" not in scope.decorators:
                node = scope.yielded[0]
                if commit := _commit_after(file, node, scope):
                    finding = self.report(file, commit, related=node)
                    file.pending.append((scope.name, finding))
        return iter(())


def _commit_after(file: SourceFile, node: ast.Yield, scope: Scope) -> ast.AST | None:
    """Return the code that commits a session after a dependency's `yield`, or None."""
    keys = set(file.use.keys(node.value, scope)) if node.value else set()
    blocks = [item for item in file.ancestors(node) if isinstance(item, ast.AsyncWith)]
    managers = [part.context_expr for item in blocks for part in item.items]
    opened = managers if keys or not node.value else []
    for call in opened:
        owner = file.receiver(call, scope) if isinstance(call, ast.Call) else None
        if owner and owner.is_a(*OWNERS) and last_name(call) == "begin":
            return call
        leave = file.project.attribute(file.value(call, scope), "__aexit__")
        function = file.project.function(leave)
        if function and any("commit" in names for names in file.use.effects(function).values()):
            return call
    around_yield = {*file.ancestors(node)}
    for event in file.use.events(scope.node, scope):
        handlers = [outer for outer in file.ancestors(event.node)
                    if isinstance(outer, ast.ExceptHandler)]  # fmt: skip
        if any(file.parent(handler) in around_yield for handler in handlers):
            continue  # FastAPI sends the response to an exception after the handler has ended
        after = (event.node.lineno, event.node.col_offset) > (node.lineno, node.col_offset)
        root = event.key.partition(".")[0]
        is_passed = not node.value and (scope.role(root) == "param" or _is_stored(root, scope))
        if after and (is_passed or event.key in keys) and "commit" in event.operations:
            return event.node
    return None


def _is_stored(name: str, scope: Scope) -> bool:
    """Return whether a function stores a variable's value in an object such as request.state."""
    bindings = [item for items in scope.module.stored.values() for item in items]
    nodes = [item.node for item in bindings if item.scope is scope]
    nodes += [part for call in scope.calls if last_name(call) == "set" for part in call.args]
    return any(getattr(node, "id", "") == name for node in nodes)


class RequestSessionInTask(Rule):
    """A background task uses the session of a request after FastAPI has sent the response.

    A background task may use a session that the task opens itself.
    """

    code = "OAT302"
    scripts = (160,)
    message = (
        "This task uses the session after the session was closed. The task then begins a new "
        "transaction that no code commits."
    )
    remedy = "Open a separate session in the background task."

    def check(self, file: SourceFile) -> Iterator[Finding]:
        tasks = (*_added_tasks(file), *_tasks_of_helpers(file), *_dropped_tasks(file))
        for call, scope, nodes in tasks:
            keys = [key for node in nodes for key in _keys(file, node, scope)]
            ends = (_ends_early(file, key, scope) for key in keys)
            ends_early = next((end for end in ends if end is not None), None)
            if ends_early is not None:
                yield self.report(file, call, message=self.message if ends_early else HELD)


HELD = "The request keeps its session and its connection open until this task has ended."


def _added_tasks(file: SourceFile) -> Iterator[tuple[ast.Call, Scope, list[ast.expr]]]:
    """Yield the calls that add background tasks, with the arguments of these calls."""
    for call, scope in file.calls("add_task", "BackgroundTask"):
        owner = file.receiver(call, scope)
        is_task = file.external_name(call.func, scope).endswith(".BackgroundTask")
        if is_task or (owner and owner.is_a("BackgroundTasks")):
            yield call, scope, all_arguments(file.use.normal(call, scope))


def _tasks_of_helpers(file: SourceFile) -> Iterator[tuple[ast.Call, Scope, list[ast.expr]]]:
    """Yield the calls to functions that call add_task(), with the arguments of the task."""
    if "BackgroundTasks" not in file.text:
        return
    for call, scope in [pair for calls in [*file.module.calls.values()] for pair in calls]:
        values = [file.value(part, scope) for part in call.args]
        callee = file.value(call.func, scope)
        function = file.project.function(callee)
        if not function or not callee or not any(v and v.is_a("BackgroundTasks") for v in values):
            continue
        tasks = [task for task in function.calls if last_name(task.func) == "add_task"]
        names = {name for task in tasks for name in names_in(task)}
        arguments = arguments_of(call, function, callee)
        yield call, scope, [arguments[name] for name in names & arguments.keys()]


def _dropped_tasks(file: SourceFile) -> Iterator[tuple[ast.Call, Scope, list[ast.expr]]]:
    """Find the tasks that no code awaits.

    For each task, yield the call that starts the task, the call's scope, and the expressions that
    the task uses.
    """
    for start in starts(file):
        is_last = start.source is start.call or isinstance(file.parent(start.call), ast.Expr)
        if start.gathers or not is_last or not _starts_task(file, start.source, start.inside):
            continue
        uses = uses_of_call(start.source, start.inside)
        if not all(_drops(around, start.inside) for _, around in uses):
            continue
        for call in [work.node for work in start.works if isinstance(work.node, ast.Call)]:
            yield start.call, start.scope, [call.func, *all_arguments(call), call]


def _starts_task(file: SourceFile, call: ast.Call, scope: Scope) -> bool:
    """Return whether a call starts a task that no task group waits for."""
    if isinstance(call.func, ast.Attribute):
        loop, inner = file.project.origin(call.func.value, scope)
        if isinstance(loop, ast.Call) and file.external_name(loop.func, inner) in LOOPS:
            return True
    return file.external_name(call.func, scope) in STARTING


def _drops(around: ast.AST | None, scope: Scope) -> bool:
    """Return whether the code around a task does not await it, or only keeps it in a collection.

    No other code may read the collection.
    """
    if not isinstance(around, ast.Call):
        return isinstance(around, ast.Expr) or getattr(around, "attr", "") == "add_done_callback"
    if not isinstance(around.func, ast.Attribute) or around.func.attr not in KEEPING:
        return False
    kept_in = ast.unparse(around.func.value)
    owner = scope.find(kept_in)
    calls = [other for calls in scope.module.calls.values() for other, _ in calls]
    read = {ast.unparse(part).lstrip("*") for other in calls for part in other.args}
    return (owner is None or owner.is_module) and kept_in not in read


def _keys(file: SourceFile, node: ast.expr, scope: Scope) -> Iterator[str]:
    value = file.value(node, scope)
    if value and value.kind in ("function", "call"):  # perhaps the result of partial()
        node = later(node, node, [], [])
    if isinstance(node, ast.Call):
        yield from (event.key for event in file.use.events(node, scope))
    elif isinstance(node, PATHS):
        yield from file.use.keys(node, scope)


def _ends_early(file: SourceFile, key: str, scope: Scope) -> bool | None:
    """Return whether a session ends before the response, or None if it may outlive the request."""
    root, _, rest = key.partition(".")
    owner = scope.find(root)
    if ".state." in key:
        return True
    if owner is None:
        return None
    kind, node, _ = owner.bindings[root][-1]
    if kind == "self" and (value := file.project.named(root, scope)):
        for _, bound, inner in file.project.member(value, rest):
            if isinstance(bound, ast.Name) and inner.role(bound.id) == "param":
                return _ends_early(file, bound.id, inner)
            if isinstance(bound, ast.Call) and last_name(bound) == "Depends":
                return _is_short(file, bound)
    if kind == "param":
        if calls := depends_of(file.project, root, owner):
            return _is_short(file, calls[0][0])
        return None
    is_state = kind == "value" and ".state." in scope.path(node)
    return True if is_state or kind == "enter" else None
