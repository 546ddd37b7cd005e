"""OAT201 to OAT203: sessions that are used while they are in the wrong state."""

import ast
from collections.abc import Iterator

from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.flow_state import DATABASE, TIMEOUT
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.source_file import SourceFile


def find_swallowed(file: SourceFile, kind: str) -> list[tuple[ast.AST, ast.AST | None]]:
    """Return each statement whose error of this kind is swallowed, with the next use of its
    session.
    """
    uses: dict[ast.AST, ast.AST | None] = {}
    for flow in file.flows:
        for item in flow.swallowed.values():
            if item.kind == kind:
                uses.setdefault(item.node, item.use)
    return [*uses.items()]


class SwallowedError(Rule):
    code = "OAT201"
    name = "swallowed-error"
    summary = "Code catches an SQL error, and uses the same session again without a rollback."
    scripts = (20, 82, 210)
    exceptions = (
        "The session works again after a rollback, or after the end of a begin_nested() block "
        "around the statement that failed.",
        "On SQLite and MySQL, a transaction continues after a statement has failed.",
        "In autocommit mode, no transaction is open after the error.",
    )

    def check(self, file: SourceFile) -> Iterator[Finding]:
        if not file.facts.may_use_postgresql or "AUTOCOMMIT" in file.text:
            return
        for node, use in find_swallowed(file, DATABASE):
            yield file.report(
                self.code,
                node,
                "If this statement fails, its error is swallowed and the session is used again. "
                "PostgreSQL then refuses the next statement, or turns COMMIT into a rollback.",
                "Put the statement into `async with session.begin_nested():`, or roll back "
                "in the handler.",
                related=use,
                related_message="this line uses the failed transaction",
            )


class UseAfterTimeout(Rule):
    code = "OAT202"
    name = "use-after-timeout"
    summary = "A timeout cancels a statement, and the session is used again without a rollback."
    scripts = (36,)
    exceptions = (
        "After the timeout, you may use a new session, or roll the session back and use it again.",
    )

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for node, use in find_swallowed(file, TIMEOUT):
            yield file.report(
                self.code,
                node,
                "If the timeout cancels this line, the connection is lost, and the session "
                "refuses every statement until you roll back.",
                "Roll back after the timeout, before you use the session again.",
                related=use,
                related_message="this line uses the session whose connection was lost",
            )


class BeginTwice(Rule):
    code = "OAT203"
    name = "begin-twice"
    summary = "session.begin() fails after a statement that has already begun a transaction."
    scripts = (75,)
    exceptions = ("After commit() or rollback(), you may call begin() again.",)

    def check(self, file: SourceFile) -> Iterator[Finding]:
        done = set()
        for flow in file.flows:
            for begin, statement in flow.late_begins:
                if begin not in done:
                    done.add(begin)
                    yield file.report(
                        self.code,
                        begin,
                        "A statement has already begun a transaction on this session, so begin() "
                        "raises InvalidRequestError.",
                        "Call begin() first, or leave out begin() and call commit() at the end.",
                        related=statement,
                        related_message="begins the transaction",
                    )
