"""OAT501: event listeners that cannot work on asynchronous engines and sessions."""

import ast
from collections.abc import Iterator

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.scopes import Scope
from orm_async_tests.lint.source_file import SourceFile

TARGETS = (sa.SESSION, sa.ENGINE, sa.CONNECTION, sa.FACTORY, sa.SCOPED)
LISTENING = {"sqlalchemy.event.listen", "sqlalchemy.event.listens_for",
             "sqlalchemy.event.api.listen", "sqlalchemy.event.api.listens_for"}  # fmt: skip


class AsyncListener(Rule):
    """An event listener is `async def`, or listens to an asynchronous engine or session.

    - You may listen to the events of sync_engine and sync_session.
    - The rule does not check code under `if hasattr(...)`, which may never run.
    """

    code = "OAT501"
    scripts = (49, 120)
    message = "SQLAlchemy calls listeners synchronously, so an `async def` listener never runs."
    remedy = "Write a plain `def`. SQLAlchemy awaits the SQL that the listener executes."

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for call, scope in file.calls("listen", "listens_for"):
            if file.external_name(call.func, scope) not in LISTENING:
                continue
            arguments = {"target": call.args[:1], "fn": call.args[2:3]}
            for keyword in call.keywords:
                arguments.setdefault(keyword.arg or "", []).append(keyword.value)
            for target in arguments["target"]:
                yield from self._check_target(file, target, call, scope)
            around = file.parent(call)
            if isinstance(around, ast.AsyncFunctionDef) and call in around.decorator_list:
                yield self.report(file, call)
            if isinstance(around, ast.Call) and around.func is call:
                arguments["fn"] += around.args[:1]
            for listener in arguments["fn"]:
                for source, inner in file.project.candidates(listener, scope):
                    function = file.project.function(file.project.callee(source, inner))
                    if function and function.is_async:
                        yield self.report(file, listener)

    def _check_target(
        self, file: SourceFile, target: ast.expr, call: ast.Call, scope: Scope
    ) -> Iterator[Finding]:
        value = file.value(target, scope)
        is_target = value and not value.module and value.kind in ("instance", "class")
        is_tested = any(isinstance(item, ast.If) and "hasattr" in ast.unparse(item.test)
                        for item in file.ancestors(call))  # fmt: skip
        if value and is_target and value.name in TARGETS and not is_tested:
            attribute = "sync_session" if value.name == sa.SESSION else "sync_engine"
            yield self.report(
                file,
                target,
                message=f"{value.name} has no events, so listening raises an error.",
                remedy=f"Listen on its {attribute}, or on the synchronous class.",
            )
