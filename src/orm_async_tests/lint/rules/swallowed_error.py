"""OAT201 to OAT203: sessions that are used while they are in the wrong state."""

import ast
from collections.abc import Iterator
from typing import ClassVar

from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.flow_state import DATABASE, TIMEOUT
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.source_file import SourceFile


class _Swallowed(Rule):
    kind: ClassVar[str]
    """The kind of errors that are swallowed."""

    def check(self, file: SourceFile) -> Iterator[Finding]:
        uses: dict[ast.AST, ast.AST] = {}
        for flow in file.flows:
            for node, (kind, use) in flow.swallowed.items():
                if kind == self.kind:
                    uses.setdefault(node, use)
        for node, use in uses.items():
            yield self.report(file, node, related=use)


class SwallowedError(_Swallowed):
    """Code catches an SQL error, and uses the same session again without a rollback.

    - The session works again after a rollback, or after the end of a begin_nested() block
      around the statement that failed.
    - On SQLite and MySQL, a transaction continues after a statement has failed.
    - In autocommit mode, no transaction is open after the error.
    """

    code = "OAT201"
    scripts = (20, 82, 210)
    kind = DATABASE
    message = (
        "If this statement fails, its error is swallowed and the session is used again. "
        "PostgreSQL then refuses the next statement, or turns COMMIT into a rollback."
    )
    remedy = (
        "Put the statement into `async with session.begin_nested():`, or roll back in the handler."
    )
    related_message = "this line uses the failed transaction"

    def check(self, file: SourceFile) -> Iterator[Finding]:
        if file.facts.may_use_postgresql and "AUTOCOMMIT" not in file.text:
            yield from super().check(file)


class UseAfterTimeout(_Swallowed):
    """A timeout cancels a statement, and the session is used again without a rollback.

    - After the timeout, you may use a new session, or roll the session back and use it again.
    """

    code = "OAT202"
    scripts = (36,)
    kind = TIMEOUT
    message = (
        "If the timeout cancels this line, the connection is lost, and the session refuses every "
        "statement until you roll back."
    )
    remedy = "Roll back after the timeout, before you use the session again."
    related_message = "this line uses the session whose connection was lost"


class BeginTwice(Rule):
    """session.begin() fails after a statement that has already begun a transaction.

    - After commit() or rollback(), you may call begin() again.
    """

    code = "OAT203"
    scripts = (75,)
    message = (
        "A statement has already begun a transaction on this session, so begin() raises "
        "InvalidRequestError."
    )
    remedy = "Call begin() first, or leave out begin() and call commit() at the end."
    related_message = "begins the transaction"

    def check(self, file: SourceFile) -> Iterator[Finding]:
        begins: dict[ast.AST, ast.AST] = {}
        for flow in file.flows:
            begins = {**flow.late_begins, **begins}
        for begin, statement in begins.items():
            yield self.report(file, begin, related=statement)
