"""OAT501: event listeners that cannot work on asynchronous engines and sessions."""

import ast
from collections.abc import Iterator

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.source_file import SourceFile
from orm_async_tests.lint.terms import Scope

TARGETS = (sa.SESSION, sa.ENGINE, sa.CONNECTION, sa.FACTORY, sa.SCOPED)
LISTENING = {"sqlalchemy.event.listen", "sqlalchemy.event.listens_for",
             "sqlalchemy.event.api.listen", "sqlalchemy.event.api.listens_for"}  # fmt: skip


class AsyncListener(Rule):
    code = "OAT501"
    name = "async-listener"
    summary = "An event listener is `async def`, or listens to an asynchronous engine or session."
    scripts = (49, 120)
    exceptions = (
        "You may listen to the events of sync_engine and sync_session.",
        "The rule does not check code under `if hasattr(...)`, which may never run.",
    )

    def check(self, file: SourceFile) -> Iterator[Finding]:
        if "listen" not in file.text:
            return
        for call, scope in file.nodes(ast.Call):
            if file.external_name(call.func, scope) in LISTENING and call.args:
                yield from self._check_target(file, call, scope)
                if len(call.args) > 2:
                    value = file.value(call.args[2], scope)
                    function = file.project.function(value)
                    if function and function.is_async:
                        yield self._report_listener(file, call.args[2])
        for function_node, scope in file.nodes(ast.AsyncFunctionDef):
            for decorator in function_node.decorator_list:
                func = decorator.func if isinstance(decorator, ast.Call) else decorator
                if file.external_name(func, scope) in LISTENING:
                    yield self._report_listener(file, decorator)

    def _check_target(self, file: SourceFile, call: ast.Call, scope: Scope) -> Iterator[Finding]:
        value = file.value(call.args[0], scope)
        if any(isinstance(item, ast.If) and "hasattr" in ast.unparse(item.test)
               for item in file.ancestors(call)):  # fmt: skip
            return
        if value and not value.module and value.name in TARGETS and (
            value.kind in ("instance", "class")
        ):  # fmt: skip
            attribute = "sync_session" if value.name == sa.SESSION else "sync_engine"
            yield file.report(
                self.code,
                call.args[0],
                f"{value.name} has no events, so listening raises an error.",
                f"Listen on its {attribute}, or on the synchronous class.",
            )

    def _report_listener(self, file: SourceFile, node: ast.expr) -> Finding:
        return file.report(
            self.code,
            node,
            "SQLAlchemy calls listeners synchronously, so an `async def` listener never runs.",
            "Write a plain `def`. SQLAlchemy awaits the SQL that the listener executes.",
        )
