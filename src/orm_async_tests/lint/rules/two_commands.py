"""OAT503: two SQL commands in one text()."""

import ast
import re
from collections.abc import Iterator

from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.folding import Folding
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.scopes import Scope, last_name, names_in
from orm_async_tests.lint.source_file import SourceFile

EXECUTING = ("execute", "scalar", "scalars", "stream", "stream_scalars", "exec_driver_sql")
METHODS = {"bindparams", "columns", "execution_options"}
BODY = re.compile(r"\bBEGIN\b.*\bEND\b", re.S | re.I)
QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/", re.S)


class TwoCommands(Rule):
    """Two commands in one text() fail on asyncpg, which prepares every statement.

    - On psycopg, a text() without parameters may contain several commands.
    - Semicolons inside a function's body or a quoted text do not separate commands.
    """

    code = "OAT503"
    scripts = (111,)
    message = "asyncpg refuses two commands in one prepared statement (42601)."
    remedy = "Execute the commands one by one."

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for call, scope in file.calls(*EXECUTING) if file.facts.may_use_asyncpg else ():
            nodes = [*call.args, *(k.value for k in call.keywords if k.arg == "statement")]
            owner = file.receiver(call, scope) if nodes else None
            if owner and owner.is_session:
                is_text = getattr(call.func, "attr", "") == "exec_driver_sql"
                text = _text(file, nodes[0], scope, is_text)
                if isinstance(text, str) and len(split_commands(text)) > 1:
                    yield self.report(file, nodes[0])
        for constant in _scripts(file):
            yield self.report(file, constant)


def _scripts(file: SourceFile) -> Iterator[ast.expr]:
    """Yield the texts with several commands that are passed to a function which executes its
    parameter.
    """
    for name, calls in [*file.module.calls.items()]:
        texts = [(part, call, scope) for call, scope in calls
                 for part in (*call.args, *(keyword.value for keyword in call.keywords))
                 if ";" in str(getattr(part, "value", ""))]  # fmt: skip
        function = file.function_named(name) if texts and file.facts.may_use_asyncpg else None
        for part, call, scope in texts if function else ():
            callee = file.value(call.func, scope)
            if function is None or callee is None:
                continue
            arguments = file.use.arguments(call, function, callee)
            names = {name for name, argument in arguments.items() if argument is part}
            for inner in function.calls:
                owner = file.receiver(inner, function)
                is_executed = last_name(inner.func) in EXECUTING and owner and owner.is_session
                text = str(Folding(file.project).fold(part, scope)) if is_executed else ""
                if names & {*names_in(inner)} and len(split_commands(text)) > 1:
                    yield part


def _text(file: SourceFile, node: ast.AST, scope: Scope, is_text: bool) -> object:
    """Return the SQL text in a call of text(). If `is_text` is true, return the SQL text in a
    string.
    """
    node, scope = file.project.origin(node, scope)
    while isinstance(node, ast.Call) and getattr(node.func, "attr", "") in METHODS:
        node, scope = file.project.origin(getattr(node.func, "value", node), scope)
    if not is_text:
        name = file.external_name(node.func, scope) if isinstance(node, ast.Call) else ""
        if not (name.startswith("sqlalchemy.") and name.endswith(".text")):
            return None
        node = next(iter(getattr(node, "args", ())), node)
    return Folding(file.project).fold(node, scope)


def split_commands(text: str) -> list[str]:
    """Return the commands of an SQL text, without their quoted parts and comments."""
    plain = QUOTED.sub(" ", text)
    return [plain] if BODY.search(plain) else [one for one in plain.split(";") if one.strip()]
