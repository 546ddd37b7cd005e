"""OAT601: a default of a column that is computed once, when the class is defined."""

import ast
from collections.abc import Iterator

from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.source_file import SourceFile
from orm_async_tests.lint.sqlalchemy_types import LIBRARIES
from orm_async_tests.lint.terms import Function, Scope, Term
from orm_async_tests.lint.value import Value

CHANGING = {
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today",
    "datetime.date.today", "time.time", "time.time_ns", "uuid.uuid1", "uuid.uuid4", "uuid.uuid7",
    "secrets.token_hex", "secrets.token_urlsafe", "secrets.token_bytes", "pendulum.now",
    "django.utils.timezone.now",
}  # fmt: skip
COLUMNS = {"mapped_column", "Column", "Field"}
ARGUMENTS = {"default", "insert_default", "onupdate", "server_default"}
MIGRATIONS = {"upgrade", "downgrade"}


class ValueComputedAtImport(Rule):
    code = "OAT601"
    name = "value-computed-at-import"
    summary = "A column's default is computed once, at import, so all rows get the same value."
    scripts = (225,)
    exceptions = (
        "The default may be a constant, for example time(hour=12).",
        "In a migration, a value computed once is right, because existing rows need one value.",
    )

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for call, scope in file.nodes(ast.Call):
            if not any(keyword.arg in ARGUMENTS for keyword in call.keywords):
                continue
            name = file.external_name(call.func, scope)
            library, _, rest = name.partition(".")
            if library not in LIBRARIES or rest.rpartition(".")[2] not in COLUMNS:
                continue
            if scope.name.rpartition(".")[2] in MIGRATIONS:
                continue
            for keyword in call.keywords:
                source = changing_call(file, keyword.value, scope)
                if keyword.arg in ARGUMENTS and source:
                    yield file.report(
                        self.code,
                        source,
                        f"This {keyword.arg} is computed once, when the module is imported: all "
                        "rows get the same value.",
                        f"Pass a function that computes it: {keyword.arg}=lambda: "
                        f"{ast.unparse(keyword.value)}.",
                    )


def changing_call(
    file: SourceFile, node: ast.AST, scope: Scope, *, follows: bool = True
) -> ast.expr | None:
    """Return the call in a default whose value would be different every time. If the default is a
    name of the module, return this name.
    """
    if isinstance(node, ast.Lambda):
        return None
    if isinstance(node, ast.Name) and follows:
        owner = scope.find(node.id)
        match owner.bindings[node.id] if owner and not isinstance(owner.node, Function) else ():
            case [("value", value)]:
                return node if owner and changing_call(file, value, owner, follows=False) else None
    if isinstance(node, ast.Call):
        value = file.value(node.func, scope)
        if _is_changing(file, value):
            return node
    for child in ast.iter_child_nodes(node):
        if call := changing_call(file, child, scope, follows=follows):
            return call
    return None


def _is_changing(file: SourceFile, value: Value | None) -> bool:
    if value is None:
        return False
    if value.kind == "external":
        return value.name in CHANGING
    function = file.project.function(value)
    return function is not None and any(
        _is_changing_term(file, term, value.module) for term in function.returned
    )


def _is_changing_term(file: SourceFile, term: Term, path: str) -> bool:
    """Return whether a function of the project returns a value that changes."""
    if term[0] in ("attr", "call"):
        inner = file.project.evaluate(term[1], path)
        is_call = term[0] == "call" and inner is not None and inner.kind == "external"
        if is_call and inner and inner.name in CHANGING:
            return True
        return _is_changing_term(file, term[1], path)
    return False
