"""OAT301 and OAT302: sessions of FastAPI dependencies that are committed too late or closed too
early.
"""

import ast
from collections.abc import Iterator

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.scopes import Scope, last_name, later
from orm_async_tests.lint.session_use import PATHS
from orm_async_tests.lint.source_file import SourceFile
from orm_async_tests.lint.tasks import starts

OWNERS = (sa.SESSION, sa.FACTORY, sa.SCOPED, sa.ENGINE, sa.CONNECTION)
KEEPING = {"add", "append"}
LOOPS = {"asyncio.get_running_loop", "asyncio.get_event_loop", "asyncio.new_event_loop"}


def dependencies(file: SourceFile) -> Iterator[tuple[str, str, bool]]:
    """Yield the functions that this file uses as dependencies. Each item has the module, the name,
    and whether scope="function" is set.
    """
    for call, scope in file.calls("Depends", "Security"):
        nodes = [*call.args, *(k.value for k in call.keywords if k.arg == "dependency")]
        function = file.project.function(file.project.callee(nodes[0], scope)) if nodes else None
        if function:
            is_short = _is_short(file, call)
            yield function.module.path, function.name, is_short
            for manager in function.managers if function.yielded else ():
                for item in manager.items:
                    func = getattr(item.context_expr, "func", None)
                    value = file.value(func, function) if func else None
                    if value and value.kind == "function":
                        yield value.module, value.name, is_short


def _is_short(file: SourceFile, call: ast.Call) -> bool:
    """Return whether a dependency ends before the response. Return True if the scope of the
    dependency is not constant.
    """
    scope = next((k.value for k in call.keywords if k.arg == "scope"), None)
    is_request = isinstance(scope, ast.Constant) and scope.value == "request"
    return (scope is not None and not is_request) or file.facts.exits_before_response


class CommitAfterYield(Rule):
    """A FastAPI dependency commits after `yield`, when the response has been sent.

    - With Depends(..., scope="function"), FastAPI ends the dependency before it responds.
    - FastAPI 0.106 to 0.117 ended every dependency before it sent the response.
    - The function is no dependency: no Depends() in the checked files uses it.
    """

    code = "OAT301"
    scripts = (50,)
    message = (
        "This line commits after the response has been sent. If COMMIT fails, the client has "
        "already received a success response."
    )
    remedy = 'Write Depends(..., scope="function"), or commit in the endpoint.'
    related_message = "FastAPI sends the response here"

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for node, outside in file.nodes(ast.AsyncFunctionDef):
            binding = [item for item in outside.bindings[node.name] if item.kind == "function"]
            scope = next((item.node for item in binding if item.node.node is node), outside)
            is_fixture = not scope.yielded or "fixture" in scope.decorators
            commit = None if is_fixture else _commit_after(file, scope.yielded[0], scope)
            if commit:
                finding = self.report(file, commit, related=scope.yielded[0])
                file.pending.append((scope.name, finding))
        return iter(())


def _commit_after(file: SourceFile, node: ast.Yield, scope: Scope) -> ast.AST | None:
    """Return the code that commits the session of a dependency after its `yield`, or None."""
    keys = set(file.use.keys(node.value, scope)) if node.value else set()
    blocks = [item for item in file.ancestors(node) if isinstance(item, ast.AsyncWith)]
    managers = [part.context_expr for item in blocks for part in item.items]
    entered = [call.args[0] for call in scope.calls
               if last_name(call.func) == "enter_async_context" and call.args]  # fmt: skip
    for call in [*managers, *entered] if keys or not node.value else ():
        value = file.value(call, scope)
        owner = file.receiver(call, scope) if isinstance(call, ast.Call) else None
        if owner and owner.is_a(*OWNERS) and last_name(call) == "begin":
            return call
        leave = file.project.function(file.project.attribute(value, "__aexit__"))
        if leave and any("commit" in names for names in file.use.effects(leave).values()):
            return call
    for event in file.use.events(scope.node, scope):
        after = (event.node.lineno, event.node.col_offset) > (node.lineno, node.col_offset)
        is_passed = not node.value and scope.role(event.key.partition(".")[0]) == "param"
        if after and (is_passed or event.key in keys) and "commit" in event.operations:
            return event.node
    return None


class RequestSessionInTask(Rule):
    """A background task uses the session of a request after the response was sent.

    - The background task may use a session that it opens itself.
    """

    code = "OAT302"
    scripts = (160,)
    message = (
        "The session is closed before this task uses it: it begins a new transaction, and nobody "
        "commits it."
    )
    remedy = "Open a separate session in the background task."

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for call, scope, nodes in _started(file):
            results = [_is_short_lived(file, key, scope) for node in nodes
                       for key in _keys(file, node, scope)]  # fmt: skip
            known = [result for result in results if result is not None]
            if known:
                text = self.message if known[0] else (
                    "The request holds its session and its connection until this task has ended."
                )  # fmt: skip
                yield self.report(file, call, message=text)


def _started(file: SourceFile) -> Iterator[tuple[ast.Call, Scope, list[ast.expr]]]:
    """Yield the calls that start a task which no code awaits, and the arguments that the task
    gets.
    """
    for call, scope in file.calls("add_task", "BackgroundTask"):
        owner = file.receiver(call, scope)
        is_task = file.external_name(call.func, scope).endswith(".BackgroundTask")
        if is_task or (owner and owner.is_a("BackgroundTasks")):
            call_ = file.use.normal(call, scope)
            yield call, scope, [*call_.args, *(keyword.value for keyword in call.keywords)]
    for start in starts(file):
        is_dropped = _starts_task(file, start.source, start.inside) and _is_dropped(
            start.source, start.inside
        )
        is_last = start.source is start.call or isinstance(file.parent(start.call), ast.Expr)
        if is_dropped and is_last and not start.gathers:
            for work in start.works:
                inner = work.node
                if isinstance(inner, ast.Call):
                    keywords = [keyword.value for keyword in inner.keywords]
                    yield start.call, start.scope, [inner.func, *inner.args, *keywords, inner]


def _keys(file: SourceFile, node: ast.expr, scope: Scope) -> Iterator[str]:
    """Yield the sessions that a task gets as an argument, or that the function of the task
    holds.
    """
    source, inner = file.project.origin(node, scope)
    if isinstance(source, ast.Call) and file.external_name(source.func, inner).endswith("partial"):
        for part in (*source.args, *(keyword.value for keyword in source.keywords)):
            yield from _keys(file, part, inner)
    elif isinstance(node, ast.Call):
        yield from (event.key for event in file.use.events(node, scope))
    elif file.project.function(file.value(node, scope)):
        yield from (event.key for event in file.use.events(later(node, node, []), scope))
        if isinstance(node, ast.Attribute):
            yield from file.use.keys(node.value, scope)
    elif isinstance(node, PATHS):
        yield from file.use.keys(node, scope)


def _is_short_lived(file: SourceFile, key: str, scope: Scope) -> bool | None:
    """Return whether a session ends before the response. Return None if the session may live
    longer.
    """
    root, _, rest = key.partition(".")
    owner = scope.find(root)
    if owner is None or ".state." in key:
        return True if ".state." in key else None
    kind, node, _ = owner.bindings[root][-1]
    if kind == "self":
        value = file.project.named(root, scope)
        for _, bound, inner in file.project.member(value, rest) if value else ():
            if isinstance(bound, ast.Name) and inner.role(bound.id) == "param":
                return _is_short_lived(file, bound.id, inner)
            if isinstance(bound, ast.Call) and last_name(bound) == "Depends":
                return _is_short(file, bound)
    if kind == "value" and ".state." in scope.path(node):
        return True
    if kind == "param":
        for part in (node.annotation, owner.default(root)):
            is_short = _depends(file, part, owner.parent or owner) if part else None
            if is_short is not None:
                return is_short
    return True if kind == "enter" else None


def _depends(file: SourceFile, node: ast.AST, scope: Scope, depth: int = 0) -> bool | None:
    """Return whether the Depends() in an annotation or a default has the scope "function"."""
    node, scope = file.project.origin(node, scope)
    parts: list[tuple[ast.AST, Scope]] = []
    match node:
        case ast.Call(func=func):
            value = file.value(func, scope)
            if value and value.kind == "external" and value.name.endswith((".Depends", "Security")):
                return _is_short(file, node)
            if value and value.kind == "class" and value.module:
                value = file.project.attribute(value, "__new__")
            if function := file.project.function(value):
                parts = [(item, function) for item in function.returned]
        case ast.Subscript(slice=ast.Tuple(elts=[_, *rest])):
            parts = [(item, scope) for item in rest]
        case ast.BinOp(left=left, right=right):
            parts = [(left, scope), (right, scope)]
    results = (_depends(file, part, inner, depth + 1) for part, inner in parts if depth < 4)
    return next((result for result in results if result is not None), None)


def _starts_task(file: SourceFile, call: ast.Call, scope: Scope) -> bool:
    """Return whether a call starts a task that no task group waits for."""
    if isinstance(call.func, ast.Attribute):
        loop, inner = file.project.origin(call.func.value, scope)
        if isinstance(loop, ast.Call) and file.external_name(loop.func, inner) in LOOPS:
            return True
    return file.external_name(call.func, scope) in ("asyncio.create_task", "asyncio.ensure_future")


def _is_dropped(call: ast.Call, scope: Scope) -> bool:
    """Return whether a task is never awaited, but only stored so that it is not collected."""
    match scope.module.parents.get(call):
        case ast.Expr():
            return True
        case ast.Call() as parent:
            return _only_keeps(parent, scope)
        case ast.Assign(targets=[ast.Name(id=name)]) if len(scope.bindings.get(name, ())) == 1:
            uses = {part for part in ast.walk(scope.node)
                    if isinstance(part, ast.Name) and part.id == name
                    and isinstance(part.ctx, ast.Load)}  # fmt: skip
            for other in scope.calls:
                if _only_keeps(other, scope):
                    uses -= {*other.args}
                elif last_name(other) == "add_done_callback":
                    uses -= {getattr(other.func, "value", None)}
            return not (uses or scope.is_module or name in scope.globals)
    return False


def _only_keeps(call: ast.Call, scope: Scope) -> bool:
    """Return whether a call adds a task to a set that outlives the function and that nothing else
    reads.
    """
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in KEEPING:
        return False
    kept_in = ast.unparse(call.func.value)
    owner = scope.find(kept_in)
    return (owner is None or owner.is_module) and not any(
        kept_in in {ast.unparse(part).lstrip("*") for part in other.args}
        for calls in scope.module.calls.values()
        for other, _ in calls
    )
