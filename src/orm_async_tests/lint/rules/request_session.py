"""OAT301 and OAT302: sessions of FastAPI's dependencies that end too late or too early."""

import ast
from collections.abc import Iterator

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.source_file import SourceFile
from orm_async_tests.lint.terms import Scope, Term

MANAGERS = {"asynccontextmanager", "contextmanager", "fixture"}


def dependencies(file: SourceFile) -> Iterator[tuple[str, str, bool]]:
    """Yield the functions that this file depends on: module, name, and whether scope="function"."""
    for call, scope in file.nodes(ast.Call):
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        if name in ("Depends", "Security") and call.args:
            value = file.value(call.args[0], scope)
            if value and value.kind == "function":
                yield value.module, value.name, _is_short(file, call)


def _is_short(file: SourceFile, call: ast.Call) -> bool:
    """Return whether a dependency ends before the response, or its scope is not constant."""
    scope = next((k.value for k in call.keywords if k.arg == "scope"), None)
    is_request = isinstance(scope, ast.Constant) and scope.value == "request"
    return (scope is not None and not is_request) or file.facts.exits_before_response


class CommitAfterYield(Rule):
    code = "OAT301"
    name = "commit-after-yield"
    summary = "A FastAPI dependency commits after `yield`, when the response has been sent."
    scripts = (50,)
    exceptions = (
        'With Depends(..., scope="function") the dependency exits before the response.',
        "FastAPI 0.106 to 0.117 left dependencies before the response.",
        "The finding counts only if some Depends() in the checked files uses the function.",
    )

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for function, outside in file.nodes(ast.AsyncFunctionDef):
            scope = file.index.scopes[function]
            yields = [item for item, inner in file.nodes(ast.Yield) if inner is scope]
            names = {
                getattr(item, "attr", getattr(item, "id", ""))
                for decorator in function.decorator_list
                for item in ast.walk(decorator)
            }
            if not yields or names & MANAGERS or isinstance(outside.node, ast.ClassDef):
                continue
            if commit := _commit_after(file, yields[0], scope):
                finding = file.report(
                    self.code,
                    commit,
                    "This line commits after the response has been sent. If COMMIT fails, the "
                    "client has already received a success.",
                    'Write Depends(..., scope="function"), or commit in the endpoint.',
                    related=yields[0],
                    related_message="the response is sent here",
                )
                file.pending.append((scope.name, finding))
        return iter(())


def _commit_after(file: SourceFile, node: ast.Yield, scope: Scope) -> ast.AST | None:
    """Return what commits the session of a dependency after its `yield`."""
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
    summary = "A task that runs after the response uses the session of the request."
    scripts = (160,)
    exceptions = ("A session that the task opens itself lives as long as the task.",)

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for call, scope in file.nodes(ast.Call):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            if name == "add_task" and isinstance(call.func, ast.Attribute):
                owner = file.value(call.func.value, scope)
                nodes = call.args if owner and owner.is_a("BackgroundTasks") else []
            elif name == "BackgroundTask" and file.external_name(call.func, scope):
                nodes = call.args
            elif _is_dropped(file, call) and _starts_task(file, call, scope):
                inner = call.args[0] if call.args else None
                nodes = [*inner.args] if isinstance(inner, ast.Call) else []
                if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
                    nodes.append(inner.func.value)
            else:
                continue
            for node in [*nodes, *(keyword.value for keyword in call.keywords)]:
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
            "Open a session in the task.",
        )


def _scope_of(file: SourceFile, owner: Scope, binding: object) -> bool | None:
    """Return whether a parameter's dependency has function scope; None if it is no dependency."""
    term = owner.bound("param", binding)
    for part in (term[2], term[3]):
        is_short = _depends(file, part, file.path, 0) if part else None
        if is_short is not None:
            return is_short
    return None


def _depends(file: SourceFile, term: Term, path: str, depth: int) -> bool | None:
    """Return whether the Depends() in an annotation or default has function scope."""
    if depth > 4:
        return None
    match term:
        case ("call", callee, _, keywords):
            value = file.project.evaluate(callee, path)
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
    name = file.external_name(call.func, scope)
    return name in ("asyncio.create_task", "asyncio.ensure_future")


def _is_dropped(file: SourceFile, call: ast.Call) -> bool:
    """Return whether a task is only kept from being collected, and nothing awaits it."""
    parent = file.parents.get(call)
    if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute):
        kept_in = ast.unparse(parent.func.value)
        return parent.func.attr == "add" and not any(
            kept_in in {ast.unparse(part) for part in other.args}
            or kept_in in {ast.unparse(p.value) for p in other.args if isinstance(p, ast.Starred)}
            for other, _ in file.nodes(ast.Call)
            if other is not parent
        )
    return isinstance(parent, ast.Expr)
