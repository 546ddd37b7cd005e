"""OAT104: an `await` of a method that returns None, for example session.add()."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding, Fix
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.source_file import SourceFile

AWAIT = re.compile(r"await\s*")
METHODS = ("add", "add_all", "expunge", "expunge_all", "expire", "expire_all")


class AwaitedAdd(Rule):
    """`await` of add() raises TypeError after the object was added.

    - You may await add() of your own class if the class defines add() as a coroutine.
    """

    code = "OAT104"
    scripts = (244,)
    message = "{}() returns None, so `await` raises TypeError after the call."
    remedy = "Write `{1}`."

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for call, scope in file.calls(*METHODS):
            node = file.parent(call)
            method = file.value(call.func, scope) if isinstance(node, ast.Await) else None
            owner = method.inner if method and method.kind == "method" else None
            if method and node and owner and owner.is_a(sa.SESSION, sa.SCOPED):
                text = ast.unparse(call)
                yield self.report(file, node, method.name, text, fix=_drop_await(file, node))


def _drop_await(file: SourceFile, node: ast.AST) -> Fix | None:
    place = file.locate(node)
    word = AWAIT.match(file.lines[place.line - 1], place.column - 1)
    end = word.end() + 1 if word else place.column
    return Fix(replace(place, end_line=place.line, end_column=end), "")
