"""OAT502: calls that block the event loop inside run_sync()."""

import ast
from collections.abc import Iterator

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.source_file import SourceFile
from orm_async_tests.lint.terms import Function, Scope
from orm_async_tests.lint.value import Value

RUNNING = {"asyncio.run", "anyio.run"}
BLOCKING = {
    "time.sleep", "urllib.request.urlopen", "os.system", "subprocess.run", "subprocess.call",
    "subprocess.check_call", "subprocess.check_output",
    *(f"{library}.{verb}" for library in ("requests", "httpx")
      for verb in ("get", "post", "put", "patch", "delete", "head", "request")),
}  # fmt: skip
DEEPEST = 2


class BlockingInRunSync(Rule):
    code = "OAT502"
    name = "blocking-in-run-sync"
    summary = "A blocking call in run_sync() stops the event loop: run_sync() uses no thread."
    scripts = (80, 123)
    exceptions = (
        "SQL inside run_sync() does not block: other tasks run while it waits for the server.",
    )

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for call, scope in file.nodes(ast.Call):
            func = call.func
            if not isinstance(func, ast.Attribute) or func.attr != "run_sync" or not call.args:
                continue
            owner = file.value(func.value, scope)
            if owner and owner.is_a(*sa.CONVERSATIONS):
                yield from self._check_function(file, call.args[0], scope, call, DEEPEST)

    def _check_function(
        self, file: SourceFile, node: ast.expr, scope: Scope, start: ast.Call, depth: int
    ) -> Iterator[Finding]:
        if _blocks_elsewhere(file, node, scope):
            yield file.report(
                self.code,
                node,
                "This function blocks the event loop, because run_sync() uses no thread.",
                "Run this function by asyncio.to_thread(), outside run_sync().",
                related=start,
                related_message="run_sync() runs the function in the event loop's thread",
            )
        body, inner = _body(file, node, scope)
        for item in _calls(body) if body else ():
            name = file.external_name(item.func, inner)
            if name in RUNNING or name in BLOCKING or _waits(file, item, inner):
                is_run = name in RUNNING
                yield file.report(
                    self.code,
                    item,
                    f"{name}() raises an error inside run_sync(), where an event loop runs."
                    if is_run
                    else "This call blocks the event loop, because run_sync() uses no thread.",
                    "Await it outside run_sync(), or call sqlalchemy.util.await_only()."
                    if is_run
                    else "Run this function by asyncio.to_thread(), outside run_sync().",
                    related=start,
                    related_message="run_sync() runs the function in the event loop's thread",
                )
            elif depth > 1:
                yield from self._check_function(file, item.func, inner, start, depth - 1)


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    """Yield every call in a function, but no call in a nested function, which may run elsewhere."""
    if isinstance(node, ast.Call):
        yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (Function, ast.Lambda, ast.ClassDef)):
            yield from _calls(child)


def _blocks_elsewhere(file: SourceFile, node: ast.expr, scope: Scope) -> bool:
    """Return whether a function of another module calls a function that blocks."""
    value = file.value(node, scope)
    function = file.project.function(value)
    if value is None or function is None or value.module == file.path:
        return False
    inner = [file.project.evaluate(term, value.module) for term in function.waiting]
    return any(item and item.kind == "external" and item.name in BLOCKING | RUNNING
               for item in inner)  # fmt: skip


def _waits(file: SourceFile, call: ast.Call, scope: Scope) -> bool:
    """Return whether a call waits for an Event of the module threading."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "wait":
        return False
    owner: Value | None = file.value(call.func.value, scope)
    return owner is not None and owner.is_a("Event")


def _body(file: SourceFile, node: ast.expr, scope: Scope) -> tuple[ast.AST | None, Scope]:
    """Return the syntax tree of a function of this file, and its scope."""
    if isinstance(node, ast.Lambda):
        return node.body, scope
    if (
        isinstance(node, ast.Call)
        and node.args
        and (file.external_name(node.func, scope) == "functools.partial")
    ):
        node = node.args[0]
    value = file.value(node, scope)
    inner = file.scope_of(value) if value and value.kind == "function" else None
    is_plain = inner is not None and isinstance(inner.node, ast.FunctionDef)
    return (inner.node, inner) if inner and is_plain else (None, scope)
