"""OAT301 and OAT302: sessions of FastAPI dependencies that are committed too late or closed too
early.
"""

import ast
from collections.abc import Iterator

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.source_file import SourceFile
from orm_async_tests.lint.terms import Scope, Term

LOOPS = {"asyncio.get_running_loop", "asyncio.get_event_loop"}


def dependencies(file: SourceFile) -> Iterator[tuple[str, str, bool]]:
    """Yield the functions that this file uses as dependencies. Each item has the module, the name,
    and whether scope="function" is set.
    """
    names = {"Depends", "Security"}
    for alias, bindings in file.index.module.bindings.items():
        names |= {alias for kind, item in bindings if kind == "import" and item[2] in names}
    for call, scope in file.nodes(ast.Call):
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        value = file.value(call.args[0], scope) if name in names and call.args else None
        function = file.project.function(value)
        if value and function:
            is_short = _is_short(file, call)
            yield value.module, value.name, is_short
            for manager in function.managers if function.is_generator else ():
                inner = file.project.evaluate(manager[1], value.module) if (
                    manager[0] == "call") else None  # fmt: skip
                if inner and inner.kind == "function":
                    yield inner.module, inner.name, is_short


def _is_short(file: SourceFile, call: ast.Call) -> bool:
    """Return whether a dependency ends before the response. Return True if the scope of the
    dependency is not constant.
    """
    scope = next((k.value for k in call.keywords if k.arg == "scope"), None)
    is_request = isinstance(scope, ast.Constant) and scope.value == "request"
    return (scope is not None and not is_request) or file.facts.exits_before_response


class CommitAfterYield(Rule):
    code = "OAT301"
    name = "commit-after-yield"
    summary = "A FastAPI dependency commits after `yield`, when the response has been sent."
    scripts = (50,)
    exceptions = (
        'With Depends(..., scope="function"), FastAPI ends the dependency before it responds.',
        "FastAPI 0.106 to 0.117 ended every dependency before it sent the response.",
        "The function is no dependency: no Depends() in the checked files uses it.",
    )

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for function, _ in file.nodes(ast.AsyncFunctionDef):
            scope = file.index.scopes[function]
            yields = [item for item, inner in file.nodes(ast.Yield) if inner is scope]
            names = {
                getattr(item, "attr", getattr(item, "id", ""))
                for decorator in function.decorator_list
                for item in ast.walk(decorator)
            }
            if not yields or "fixture" in names:
                continue
            if commit := _commit_after(file, yields[0], scope):
                finding = file.report(
                    self.code,
                    commit,
                    "This line commits after the response has been sent. If COMMIT fails, the "
                    "client has already received a success response.",
                    'Write Depends(..., scope="function"), or commit in the endpoint.',
                    related=yields[0],
                    related_message="FastAPI sends the response here",
                )
                file.pending.append((scope.name, finding))
        return iter(())


def _commit_after(file: SourceFile, node: ast.Yield, scope: Scope) -> ast.AST | None:
    """Return the code that commits the session of a dependency after its `yield`, or None."""
    keys = set(file.use.keys(node.value, scope)) if node.value else set()
    if not keys:
        return None
    for item in file.ancestors(node):
        for manager in item.items if isinstance(item, ast.AsyncWith) else ():
            call = manager.context_expr
            func = call.func if isinstance(call, ast.Call) else None
            if isinstance(func, ast.Attribute) and func.attr == "begin":
                owner = file.value(func.value, scope)
                if owner and owner.is_a(sa.SESSION, sa.FACTORY, sa.SCOPED):
                    return call
    for event in file.use.events(scope.node, scope):
        after = (event.node.lineno, event.node.col_offset) > (node.lineno, node.col_offset)
        if after and event.key in keys and "commit" in event.operations:
            return event.node
    return None


class RequestSessionInTask(Rule):
    code = "OAT302"
    name = "request-session-in-task"
    summary = "A background task uses the session of a request after the response was sent."
    scripts = (160,)
    exceptions = ("The background task may use a session that it opens itself.",)

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for call, scope in file.nodes(ast.Call):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            if name == "add_task" and isinstance(call.func, ast.Attribute):
                owner = file.value(call.func.value, scope)
                nodes = call.args if owner and owner.is_a("BackgroundTasks") else []
            elif name == "BackgroundTask" and file.external_name(call.func, scope):
                nodes = call.args
            elif _starts_task(file, call, scope) and _is_dropped(file, call, scope):
                inner = call.args[0] if call.args else None
                nodes = [inner.func, *inner.args] if isinstance(inner, ast.Call) else []
            else:
                continue
            nodes = [*nodes, *(keyword.value for keyword in call.keywords)]
            for node in (part for item in nodes for part in _captured(file, item, scope)):
                finding = self._check_argument(file, call, node, scope)
                if finding:
                    yield finding
                    break

    def _check_argument(
        self, file: SourceFile, call: ast.Call, node: ast.expr, scope: Scope
    ) -> Finding | None:
        if isinstance(node, ast.Attribute) and not file.use.keys(node, scope):
            node = node.value  # the object of a bound method
        keys = file.use.keys(node, scope) if isinstance(node, (ast.Name, ast.Attribute)) else ()
        root = keys[0].partition(".")[0] if keys else ""
        owner = scope.find(root)
        kind, binding = owner.bindings[root][0] if owner else ("", None)
        if kind == "param":
            is_short = _scope_of(file, owner, binding) if owner else None
            if is_short is None:
                return None
        elif kind == "enter":
            is_short = True
        else:
            return None
        return file.report(
            self.code,
            call,
            "The session is closed before this task uses it: it begins a new transaction, and "
            "nobody commits it."
            if is_short
            else "The request holds its session and its connection until this task has ended.",
            "Open a separate session in the background task.",
        )


def _captured(file: SourceFile, node: ast.expr, scope: Scope) -> Iterator[ast.expr]:
    """Yield the arguments that a task gets, and the values that its closure or its partial()
    holds.
    """
    yield node
    value = file.value(node, scope) if isinstance(node, ast.Name) else None
    inner = file.scope_of(value) if value and value.kind == "function" else None
    if isinstance(node, ast.Lambda):
        yield from (part for part in ast.walk(node.body) if isinstance(part, ast.Name))
    elif inner:
        for part in ast.walk(inner.node):
            if isinstance(part, ast.Name) and inner.find(part.id) is scope:
                yield part
    elif isinstance(node, ast.Call) and file.external_name(node.func, scope).endswith("partial"):
        yield from (*node.args, *(keyword.value for keyword in node.keywords))


def _scope_of(file: SourceFile, owner: Scope, binding: object) -> bool | None:
    """Return whether the dependency of a parameter has the scope "function", or None if the
    parameter is no dependency.
    """
    term = owner.bound("param", binding)
    for part in (term[2], term[3]):
        is_short = _depends(file, part, file.path, 0) if part else None
        if is_short is not None:
            return is_short
    return None


def _depends(file: SourceFile, term: Term, path: str, depth: int) -> bool | None:
    """Return whether the Depends() in an annotation or a default has the scope "function"."""
    if depth > 4:
        return None
    match term:
        case ("call", callee, _, keywords):
            value = file.project.evaluate(callee, path)
            if value and value.kind == "class" and value.module:
                value = file.project.attribute(value, "__new__")
            function = file.project.function(value)
            if value and function:
                results = [_depends(file, part, value.module, depth + 1)
                           for part in function.returned]  # fmt: skip
                return next((result for result in results if result is not None), None)
            if value and value.kind == "external" and value.name.endswith(".Depends"):
                scope = dict(keywords).get("scope")
                return (scope not in (None, ("str", "request"))) or (
                    file.facts.exits_before_response
                )
        case ("sub", _, (_, *rest)):
            for part in rest:
                if (result := _depends(file, part, path, depth + 1)) is not None:
                    return result
        case ("global", str(name)):
            for origin, bound in file.project.definitions(name, path):
                if (result := _depends(file, bound, origin, depth + 1)) is not None:
                    return result
    return None


def _starts_task(file: SourceFile, call: ast.Call, scope: Scope) -> bool:
    """Return whether a call starts a task that no task group waits for."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    match scope.term(call.func) if name in ("create_task", "ensure_future") else ():
        case ("attr", ("call", loop, *_), "create_task"):
            value = file.project.evaluate(loop, file.path)
            return value is not None and value.name in LOOPS
    return file.external_name(call.func, scope) in ("asyncio.create_task", "asyncio.ensure_future")


def _is_dropped(file: SourceFile, call: ast.Call, scope: Scope) -> bool:
    """Return whether a task is never awaited, but only stored so that it is not collected."""
    match file.parents.get(call):
        case ast.Expr():
            return True
        case ast.Call() as parent:
            return _only_keeps(file, parent, scope)
        case ast.Assign(targets=[ast.Name(id=name)]) if len(scope.bindings[name]) == 1:
            uses = {part for part in ast.walk(scope.node)
                    if isinstance(part, ast.Name) and part.id == name
                    and isinstance(part.ctx, ast.Load)}  # fmt: skip
            for other, _ in file.nodes(ast.Call):
                if _only_keeps(file, other, scope):
                    uses -= {*other.args}
                elif isinstance(other.func, ast.Attribute) and (
                    other.func.attr == "add_done_callback"
                ):
                    uses -= {other.func.value}
            return not (uses or scope.is_module or name in scope.globals)
    return False


def _only_keeps(file: SourceFile, call: ast.Call, scope: Scope) -> bool:
    """Return whether a call adds a task to a set that outlives the function and that nothing else
    reads.
    """
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "add":
        return False
    kept_in = ast.unparse(call.func.value)
    owner = scope.find(kept_in)
    return (owner is None or owner.is_module) and not any(
        kept_in in {ast.unparse(part) for part in other.args}
        or kept_in in {ast.unparse(p.value) for p in other.args if isinstance(p, ast.Starred)}
        for other, _ in file.nodes(ast.Call)
    )
