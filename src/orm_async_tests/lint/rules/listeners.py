"""The rule OAT501: event listeners that cannot work on asynchronous engines and sessions."""

import ast
import re
from collections.abc import Iterator

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.rules.rule import Rule, argument
from orm_async_tests.lint.source_file import SourceFile

TARGETS = (sa.SESSION, sa.ENGINE, sa.CONNECTION, sa.FACTORY, sa.SCOPED)
NO_EVENTS = "{} has no events, so listening raises an error."
TARGET = "Listen to its {1}, or to the synchronous class."
LISTENING = re.compile(r"sqlalchemy\.event\.(api\.)?(listen|listens_for)")


class AsyncListener(Rule):
    """An event listener does not work if it is an `async def` function, or if it listens to an
    asynchronous engine or session.

    You can register event listeners on `engine.sync_engine` and `session.sync_session`.

    The rule OAT501 ignores listeners that code registers under `if hasattr(...)`, because this code
    may never run.
    """

    code = "OAT501"
    scripts = (49, 120)
    message = "SQLAlchemy calls listeners synchronously, so an `async def` listener never runs."
    remedy = "Write a plain `def`. SQLAlchemy awaits the SQL that the listener executes."

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for call, scope in file.calls("listen", "listens_for"):
            if not LISTENING.fullmatch(file.external_name(call.func, scope)):
                continue
            for target in argument(call, 0, "target"):
                value = file.value(target, scope)
                is_class = value and not value.module and value.kind in ("instance", "class")
                if value and is_class and value.name in TARGETS and not _is_tested(file, call):
                    attribute = "sync_session" if value.name == sa.SESSION else "sync_engine"
                    words = value.name, attribute
                    yield self.report(file, target, *words, message=NO_EVENTS, remedy=TARGET)
            listeners = argument(call, 2, "fn")
            around = file.parent(call)
            if isinstance(around, ast.AsyncFunctionDef) and call in around.decorator_list:
                yield self.report(file, call)
            elif isinstance(around, ast.Call) and around.func is call:
                listeners += around.args[:1]
            for listener in listeners:
                for source, inner in file.project.candidates(listener, scope):
                    function = file.project.function(file.project.callee(source, inner))
                    if function and function.is_async:
                        yield self.report(file, listener)


def _is_tested(file: SourceFile, call: ast.Call) -> bool:
    tests = [item.test for item in file.ancestors(call) if isinstance(item, ast.If)]
    return any("hasattr" in ast.unparse(test) for test in tests)
