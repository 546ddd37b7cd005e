"""OAT102: a session that is stored in a module, a class or the state of an application."""

import ast
from collections.abc import Iterator

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.source_file import SourceFile
from orm_async_tests.lint.terms import Scope


class SessionInModule(Rule):
    code = "OAT102"
    name = "session-in-module"
    summary = "All tasks share a session in a global variable, a class attribute or app.state."
    scripts = (24,)
    exceptions = (
        "A factory of sessions, for example an async_sessionmaker, may be global.",
        "An async_scoped_session may be global, because it has a session for every task.",
    )

    def check(self, file: SourceFile) -> Iterator[Finding]:
        assignments: list[tuple[ast.Assign | ast.AnnAssign, Scope]] = [
            *file.nodes(ast.Assign), *file.nodes(ast.AnnAssign)]  # fmt: skip
        for node, scope in assignments:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            place = next((text for target in targets if (text := _place(target, scope))), "")
            if place and node.value and _opens_session(file, node.value, scope):
                yield file.report(
                    self.code,
                    node.value,
                    f"This session is kept in {place}, so all tasks share it and its connection.",
                    "Store a session factory, and open a session for every request or task.",
                )


def _place(target: ast.expr, scope: Scope) -> str:
    """Return where an assignment stores its value. Return "" if only one function or one object can
    read the value.
    """
    if isinstance(target, ast.Name):
        if scope.is_module or target.id in scope.globals:
            return "a global variable"
        return "a class" if isinstance(scope.node, ast.ClassDef) else ""
    if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
        owner = scope.find(target.value.id)
        return "a global variable" if owner and owner.is_module else ""
    path = scope.path(target) or ""
    root, *rest = path.split(".")
    if rest[:-1] and rest[-2] == "state" and "request" not in path:
        return "the application's state"
    owner = scope.find(root)
    role = owner.bindings[root][0][0] if owner and rest else ""
    return "a class" if role in ("cls", "class") else ""


def _opens_session(file: SourceFile, node: ast.expr, scope: Scope) -> bool:
    inner = node.value if isinstance(node, ast.Await) else node
    owner = scope.find(inner.id) if isinstance(inner, ast.Name) else None
    if owner and not owner.is_module and isinstance(inner, ast.Name):
        match owner.bindings[inner.id]:
            case [("value" | "enter", ast.Call() as call)]:
                inner = call
    value = file.value(node, scope)
    if not isinstance(inner, ast.Call) or value is None or not value.is_a(sa.SESSION):
        return False
    return file.external_name(inner.func, scope) == ""  # not Depends(...)
