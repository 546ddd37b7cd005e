"""The rule OAT601: column defaults that Python computes only once, at import."""

import ast
from collections.abc import Iterator

from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.rules.rule import Rule, named_arguments
from orm_async_tests.lint.scopes import Scope, last_name
from orm_async_tests.lint.source_file import SourceFile
from orm_async_tests.lint.sqlalchemy_types import LIBRARIES

CHANGING = {
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today",
    "datetime.date.today", "time.time", "time.time_ns", "uuid.uuid1", "uuid.uuid4", "uuid.uuid7",
    "secrets.token_hex", "secrets.token_urlsafe", "secrets.token_bytes", "pendulum.now",
    "django.utils.timezone.now", "random.random", "random.randint", "random.choice",
    "random.randrange", "random.uniform", "random.choices", "random.sample", "os.urandom",
    "secrets.randbelow", "secrets.choice", "secrets.randbits",
}  # fmt: skip
COLUMNS = ("mapped_column", "Column", "Field", "ColumnDefault")
ARGUMENTS = ("default", "insert_default", "onupdate", "server_default")
MIGRATIONS = {"upgrade", "downgrade"}


class ValueComputedAtImport(Rule):
    """Python computes a column's default once, at import, so all rows get the same value.

    The default of a column may be a constant, for example time(hour=12).

    The rule OAT601 ignores the functions upgrade() and downgrade(), because a migration should give
    all existing rows the same value.
    """

    code = "OAT601"
    scripts = (225,)
    message = (
        "Python computes this {} once, when it imports the module, so all rows get the same value."
    )
    remedy = "Pass a function that computes it: {0}=lambda: {1}."

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for call, scope in file.calls(*COLUMNS):
            library = file.external_name(call.func, scope).partition(".")[0]
            if library not in LIBRARIES or scope.name.rpartition(".")[2] in MIGRATIONS:
                continue
            values = named_arguments(file, call, scope)
            if last_name(call) == "ColumnDefault" and call.args:
                values["default"] = call.args[0]
            for name in ARGUMENTS:
                source = _changing_call(file, values[name], scope) if name in values else None
                if source:
                    is_method = isinstance(values[name], ast.Attribute)  # a method of the result
                    code = ast.unparse(values[name]) + "()" * is_method
                    yield self.report(file, source, name, code)


def _changing_call(file: SourceFile, node: ast.AST, scope: Scope, depth: int = 3) -> ast.AST | None:
    """Return the part of an expression that changes from run to run, for example uuid4()."""
    match node:
        case ast.Lambda():
            return None
        case ast.Name() | ast.Attribute() if depth:
            source, inner = file.project.origin(node, scope)
            is_global = source is not node and not hasattr(inner.node, "args")
            if is_global and _changing_call(file, source, inner, depth - 1):
                return node
        case ast.Call(func=func):
            function = file.project.function(file.value(func, scope)) if depth else None
            returned = function.returned if function else []
            parts = (_changing_call(file, item, function or scope, depth - 1) for item in returned)
            if file.external_name(func, scope) in CHANGING or any(parts):
                return node
    calls = (_changing_call(file, child, scope, depth) for child in ast.iter_child_nodes(node))
    return next(filter(None, calls), None)
