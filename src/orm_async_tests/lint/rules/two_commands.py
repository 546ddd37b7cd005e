"""The rule OAT503: two SQL commands in one text()."""

import ast
import re
from collections.abc import Iterator

from orm_async_tests.lint.callers import arguments_of
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.folding import Folding
from orm_async_tests.lint.rules.rule import Rule, argument
from orm_async_tests.lint.scopes import Scope, last_name, names_in
from orm_async_tests.lint.source_file import SourceFile

EXECUTING = ("execute", "scalar", "scalars", "stream", "stream_scalars", "exec_driver_sql")
METHODS = {"bindparams", "columns", "execution_options"}
BODY = re.compile(r"\bBEGIN\b.*\bEND\b", re.S | re.I)
QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/", re.S)


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


def _executed_texts(file: SourceFile) -> Iterator[ast.AST]:
    for call, scope in file.calls(*EXECUTING):
        owner = file.receiver(call, scope)
        if owner is None or not owner.is_session:
            continue
        for node in argument(call, 0, "statement"):
            function = file.project.function(file.value(getattr(node, "func", node), scope))
            places = [(item, function) for item in function.returned] if function else []
            places.append((node, scope))
            is_string = last_name(call.func) == "exec_driver_sql"
            texts = places if is_string else [_text(file, *place) for place in places]
            is_wrong = any(_has_two_commands(file, *text) for text in texts)
            yield from [node] if is_wrong else _wrong_items(file, {(node, scope), *texts})


def _wrong_items(file: SourceFile, texts: set[tuple[ast.AST | None, Scope]]) -> Iterator[ast.AST]:
    """Yield the items of a list that have two commands, if the texts are variables of a loop."""
    for node, scope in texts:
        if node and "item" in scope.role(getattr(node, "id", "")):
            items = file.project.candidates(node, scope)
            wrong = [item for item in items if _has_two_commands(file, *item)]
            yield from {item if inner.module is file.module else node for item, inner in wrong}


def _text(file: SourceFile, node: ast.AST, scope: Scope) -> tuple[ast.AST | None, Scope]:
    """Return the argument of text() in a statement, and its scope."""
    node, scope = file.project.origin(node, scope)
    while isinstance(node, ast.Call) and getattr(node.func, "attr", "") in METHODS:
        node, scope = file.project.origin(getattr(node.func, "value", node), scope)
    name = file.external_name(node.func, scope) if isinstance(node, ast.Call) else ""
    is_text = name.startswith("sqlalchemy.") and name.endswith((".text", ".DDL"))
    return next(iter(getattr(node, "args", ())), None) if is_text else None, scope


def _listed_texts(file: SourceFile) -> Iterator[ast.expr]:
    """Yield calls with several SQL commands: DDL(), and text() in module-level dictionaries."""
    names = ("text",) if file.facts.may_be_synchronous else ("text", "DDL")
    for call, scope in file.calls(*names):
        is_item = scope.is_module and isinstance(file.parent(call), ast.Dict)
        if is_item or last_name(call) == "DDL":
            source, _ = _text(file, call, scope)
            yield from [call] if _has_two_commands(file, source, scope) else []


def _passed_texts(file: SourceFile) -> Iterator[ast.expr]:
    """Yield arguments with several SQL commands, if the called function executes them."""
    for calls in [*file.module.calls.values()]:
        texts = [(part, call, scope) for call, scope in calls
                 for part in (*call.args, *(keyword.value for keyword in call.keywords))
                 if (isinstance(part, ast.Constant) and ";" in str(part.value))
                 or getattr(part, "attr", getattr(part, "id", "")).isupper()]  # fmt: skip
        for part, call, scope in texts:
            callee = file.value(call.func, scope)
            function = file.project.function(file.project.callee(call.func, scope))
            if function and callee and _has_two_commands(file, part, scope):
                arguments = arguments_of(call, function, callee)
                names = {name for name, node in arguments.items() if node is part}
                yield from [part] if names & {*_executed_names(file, function)} else []


def _executed_names(file: SourceFile, function: Scope) -> Iterator[str]:
    for call in function.calls:
        owner = file.receiver(call, function)
        if last_name(call.func) in EXECUTING and owner and owner.is_session:
            for node in argument(call, 0, "statement"):
                yield from names_in(node)


def _has_two_commands(file: SourceFile, node: ast.AST | None, scope: Scope) -> bool:
    """Return whether an SQL text has two commands outside of quoted parts and comments."""
    text = Folding(file.project).fold(node, scope)
    plain = QUOTED.sub(" ", text) if isinstance(text, str) else ""
    return not BODY.search(plain) and sum(bool(part.strip()) for part in plain.split(";")) > 1
