"""OAT503: two SQL commands in one text()."""

import ast
import re
from collections.abc import Iterator

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.folding import fold
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.source_file import SourceFile
from orm_async_tests.lint.terms import Scope

EXECUTING = {"execute", "scalar", "scalars", "stream", "stream_scalars", "exec_driver_sql"}
METHODS = {"bindparams", "columns", "execution_options"}
BODY = re.compile(r"\bBEGIN\b.*\bEND\b", re.S | re.I)
QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/", re.S)


class TwoCommands(Rule):
    code = "OAT503"
    name = "two-commands"
    summary = "Two commands in one text() fail on asyncpg, which prepares every statement."
    scripts = (111,)
    exceptions = (
        "On psycopg, a text() without parameters may contain several commands.",
        "Semicolons inside a function's body or a quoted text do not separate commands.",
    )

    def check(self, file: SourceFile) -> Iterator[Finding]:
        if not file.facts.may_use_asyncpg:
            return
        for call, scope in file.nodes(ast.Call):
            func = call.func
            if not isinstance(func, ast.Attribute) or func.attr not in EXECUTING or not call.args:
                continue
            owner = file.value(func.value, scope)
            if owner is None or not owner.is_a(*sa.CONVERSATIONS):
                continue
            node: ast.AST = call.args[0]
            if isinstance(node, ast.Name):
                place = scope.find(node.id)
                bindings = place.bindings[node.id] if place else []
                if place and len(bindings) == 1 and bindings[0][0] == "value":
                    node, scope = bindings[0][1], place
            while (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and (node.func.attr in METHODS)
            ):
                node = node.func.value
            if func.attr != "exec_driver_sql":
                name = file.external_name(node.func, scope) if isinstance(node, ast.Call) else ""
                if not name.startswith("sqlalchemy.") or not name.endswith(".text"):
                    continue
                node = node.args[0] if isinstance(node, ast.Call) and node.args else node
            text = fold(node, scope)
            if isinstance(node, ast.Name) and not isinstance(text, str):
                text = _imported_text(file, node.id, scope)
            if isinstance(text, str) and len(split_commands(text)) > 1:
                yield file.report(
                    self.code,
                    call.args[0],
                    "asyncpg refuses two commands in one prepared statement (42601).",
                    "Execute the commands one by one.",
                )


def _imported_text(file: SourceFile, name: str, scope: Scope) -> str:
    """Return the only text that is bound to a global name in the module that defines the name."""
    owner = scope.find(name)
    match list(file.project.definitions(name, file.path)) if owner and owner.is_module else ():
        case [(_, ("str", str(text)))]:
            return text
    return ""


def split_commands(text: str) -> list[str]:
    """Return the commands of an SQL text, without their quoted parts and comments."""
    if BODY.search(text):
        return [text]
    return [part for part in QUOTED.sub(" ", text).split(";") if part.strip()]
