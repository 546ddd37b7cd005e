"""OAT601: a default of a column that is computed once, when the class is defined."""

import ast
from collections.abc import Iterator

from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.rules.rule import Rule
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
ARGUMENTS = {"default", "insert_default", "onupdate", "server_default"}
MIGRATIONS = {"upgrade", "downgrade"}


class ValueComputedAtImport(Rule):
    """A column's default is computed once, at import, so all rows get the same value.

    - The default may be a constant, for example time(hour=12).
    - In a migration, a value computed once is right, because existing rows need one value.
    """

    code = "OAT601"
    scripts = (225,)
    message = "This {} is computed once, when the module is imported: all rows get the same value."
    remedy = "Pass a function that computes it: {0}=lambda: {1}."

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for call, scope in file.calls(*COLUMNS):
            library = file.external_name(call.func, scope).partition(".")[0]
            if library in LIBRARIES and scope.name.rpartition(".")[2] not in MIGRATIONS:
                values = [(k.arg, k.value) for k in call.keywords if k.arg in ARGUMENTS]
                for keyword in call.keywords if None in {k.arg for k in call.keywords} else ():
                    options, _ = file.project.origin(keyword.value, scope)
                    if isinstance(options, ast.Dict) and keyword.arg is None:
                        pairs = zip(options.keys, options.values, strict=True)
                        named = [(getattr(key, "value", ""), value) for key, value in pairs]
                        values += [item for item in named if item[0] in ARGUMENTS]
                if last_name(call.func) == "ColumnDefault":
                    values = [("default", value) for value in call.args]
                for name, value in values:
                    if source := changing_call(file, value, scope):
                        yield self.report(file, source, name or "", ast.unparse(value))


def changing_call(
    file: SourceFile, node: ast.AST, scope: Scope, *, follows: bool = True
) -> ast.AST | None:
    """Return the call whose value would be different every time, or the name of this call in the
    module.
    """
    match node:
        case ast.Lambda():
            return None
        case ast.Name() | ast.Attribute() if follows:
            source, inner = file.project.origin(node, scope)
            if source is not node and not hasattr(inner.node, "args"):
                return node if changing_call(file, source, inner, follows=False) else None
        case ast.Call():
            if file.external_name(node.func, scope) in CHANGING:
                return node
            function = file.project.function(file.value(node.func, scope))
            if function and any(_holds_change(file, item, function) for item in function.returned):
                return node
    for child in ast.iter_child_nodes(node):
        if call := changing_call(file, child, scope, follows=follows):
            return call
    return None


def _holds_change(file: SourceFile, node: ast.AST, function: Scope) -> bool:
    """Return whether a function returns the value of a changing call, or a result that contains
    this value.
    """
    while isinstance(node, ast.Call | ast.Attribute):
        if isinstance(node, ast.Call):
            if file.external_name(node.func, function) in CHANGING:
                return True
            node = node.func
        else:
            node = node.value
    return False
