"""The rule OAT503: two SQL commands in one text()."""

import ast
import re
from collections.abc import Iterable, Iterator

from orm_async_tests.lint.callers import all_arguments, arguments_of
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.folding import Folding
from orm_async_tests.lint.rules.rule import Rule, argument
from orm_async_tests.lint.scopes import Scope, last_name, names_in
from orm_async_tests.lint.source_file import SourceFile

EXECUTING = ("execute", "scalar", "scalars", "stream", "stream_scalars", "exec_driver_sql")
BODY = re.compile(r"\bBEGIN\b.*\bEND\b", re.S | re.I)
QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/", re.S)

Call = tuple[ast.Call, Scope]


class TwoCommands(Rule):
    """Two SQL commands in one text() fail on asyncpg, because asyncpg prepares every statement.

    On psycopg, a text() without parameters may contain several commands. If a project also uses
    psycopg or psycopg2, the rule OAT503 ignores DDL(), because create_all() may run on psycopg.

    A semicolon in a quoted text or in the body of a function does not separate commands.
    """

    code = "OAT503"
    scripts = (111,)
    message = "asyncpg refuses two SQL commands in one statement (SQLSTATE 42601)."
    remedy = "Execute every command on its own."

    def check(self, file: SourceFile) -> Iterator[Finding]:
        if not file.facts.may_use_asyncpg:
            return
        for node in (*_executed_texts(file), *_passed_texts(file), *_listed_texts(file)):
            yield self.report(file, node)


def _statements(file: SourceFile, calls: Iterable[Call]) -> Iterator[tuple[ast.expr, Scope]]:
    """Yield the statements that calls such as session.execute() send, with their scopes."""
    for call, scope in calls:
        owner = file.receiver(call, scope)
        if last_name(call.func) in EXECUTING and owner and owner.is_session:
            yield from ((node, scope) for node in argument(call, 0, "statement"))


def _executed_texts(file: SourceFile) -> Iterator[ast.AST]:
    for node, scope in _statements(file, file.calls(*EXECUTING)):
        function = file.project.function(file.value(getattr(node, "func", node), scope))
        returned = [(item, function) for item in function.returned] if function else []
        if any(_has_two_commands(file, *place) for place in [(node, scope), *returned]):
            yield node
            continue
        for part in (node, *getattr(node, "args", ())):
            if "item" in scope.role(getattr(part, "id", "")):  # the variable of a loop
                items = file.project.candidates(part, scope)
                wrong = [item for item in items if _has_two_commands(file, *item)]
                yield from {item if inner.module is file.module else part for item, inner in wrong}


def _listed_texts(file: SourceFile) -> Iterator[ast.expr]:
    """Yield calls with several SQL commands: DDL(), and text() in module-level dictionaries."""
    names = ("text",) if file.facts.may_be_synchronous else ("text", "DDL")
    for call, scope in file.calls(*names):
        is_item = scope.is_module and isinstance(file.parent(call), ast.Dict)
        if (is_item or last_name(call) == "DDL") and _has_two_commands(file, call, scope):
            yield call


def _passed_texts(file: SourceFile) -> Iterator[ast.expr]:
    """Yield arguments with several SQL commands, if the called function executes them."""
    for call, scope in [item for calls in [*file.module.calls.values()] for item in calls]:
        wrong = [part for part in all_arguments(call) if _is_constant(part)
                 and _has_two_commands(file, part, scope)]  # fmt: skip
        callee = file.project.callee(call.func, scope) if wrong else None
        if callee and (function := file.project.function(callee)):
            statements = _statements(file, ((inner, function) for inner in function.calls))
            names = {name for statement, _ in statements for name in names_in(statement)}
            passed = arguments_of(call, function, callee)
            yield from (part for name, part in passed.items() if name in names and part in wrong)


def _is_constant(node: ast.expr) -> bool:
    name: str = getattr(node, "attr", getattr(node, "id", ""))
    return name.isupper() or (isinstance(node, ast.Constant) and ";" in str(node.value))


def _has_two_commands(file: SourceFile, node: ast.AST | None, scope: Scope) -> bool:
    """Return whether an SQL text has two commands outside of quoted parts and comments."""
    text = Folding(file.project).fold(node, scope)
    plain = QUOTED.sub(" ", text) if isinstance(text, str) else ""
    return not BODY.search(plain) and sum(bool(part.strip()) for part in plain.split(";")) > 1
