"""The rules OAT201 to OAT203: sessions that are used while they are in the wrong state."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.flow_state import DATABASE, TIMEOUT
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.scopes import last_name, start_of, walk
from orm_async_tests.lint.session_use import FLUSHING
from orm_async_tests.lint.source_file import SourceFile

OTHER_DATABASES = ("sqlite", "mysql")
SQLITE = re.compile(r"sqlite_master|PRAGMA")
FLUSH_FAILED = (
    "If this statement fails, the code swallows the error and uses the session again. The session "
    "then raises PendingRollbackError."
)


class SwallowedError(Rule):
    """Code catches an SQL error, and uses the same session again without a rollback.

    The session works again after a rollback, or after a begin_nested() block in which the statement
    failed.

    On SQLite and MySQL, a transaction continues after execute() has failed. After a failed flush,
    for example during commit(), a session refuses all statements on every database. A file or a
    function is for one of these databases if its name contains "sqlite" or "mysql", or if the file
    reads SQLite's table sqlite_master or executes a PRAGMA. If a project uses asyncpg and
    aiosqlite, a handler for OperationalError is for SQLite, because asyncpg raises no
    OperationalError.

    If a begin() block sends only one statement besides SELECTs, an error loses no other rows.

    In autocommit mode, no transaction is open after an SQL error.

    A handler for all exceptions usually expects errors of other code, so the rule OAT201 ignores a
    SELECT if such a handler catches its error. If the `try` block also awaits other code, for
    example an HTTP client, the rule OAT201 ignores an UPDATE and a DELETE too. But if the handler
    sends SQL, the rule OAT201 ignores them only if the block and the handler insert no rows, and
    pass the session to no function.
    The rule OAT201 reports every statement with text(), a lock or an unusual SQL function, and
    every `try` block that may insert new objects.
    """

    code = "OAT201"
    scripts = (20, 82, 210)
    message = (
        "If this statement fails, the code swallows the error and uses the session again. "
        "PostgreSQL then refuses the next statement, or turns COMMIT into a rollback."
    )
    remedy = (
        "Put the statement into `async with session.begin_nested():`, or call rollback() in the "
        "exception handler."
    )
    related_message = "this line uses the failed transaction"

    def check(self, file: SourceFile) -> Iterator[Finding]:
        if "AUTOCOMMIT" in file.text:
            return
        for node, use in _swallowed(file, DATABASE):
            functions = [scope.name for call, scope in file.calls(last_name(node)) if call is node]
            names = " ".join([Path(file.name).name, last_name(node), *functions])
            is_other = any(word in names for word in OTHER_DATABASES) or SQLITE.search(file.text)
            if file.facts.may_use_postgresql and not is_other:
                yield self.report(file, node, related=use)
            elif flush := _first_flush(file, node):
                yield self.report(file, flush, related=use, message=FLUSH_FAILED)


def _first_flush(file: SourceFile, node: ast.AST) -> ast.Call | None:
    """Return the call, or else the first flush() or commit() after it in its `try` block."""
    blocks = (item.body for item in file.ancestors(node) if isinstance(item, ast.Try))
    nodes = [node, *(inner for part in next(blocks, []) for inner in walk(part))]
    session = last_name(getattr(getattr(node, "func", None), "value", None))
    calls = [item for item in nodes if isinstance(item, ast.Call) and last_name(item) in FLUSHING
             and last_name(getattr(item.func, "value", None)) == session
             and start_of(item) >= start_of(node)]  # fmt: skip
    return min(calls, key=start_of, default=None)


class UseAfterTimeout(Rule):
    """A timeout cancels a statement, and the program uses the session again without a rollback.

    After the timeout, you may use a new session, or call rollback() and use the same session again.
    """

    code = "OAT202"
    scripts = (36,)
    message = (
        "If the timeout cancels this line, the connection is lost, and the session refuses every "
        "statement until you roll back."
    )
    remedy = "Roll back after the timeout, before you use the session again."
    related_message = "this line uses the session whose connection was lost"

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for node, use in _swallowed(file, TIMEOUT):
            yield self.report(file, node, related=use)


def _swallowed(file: SourceFile, wanted: str) -> Iterable[tuple[ast.AST, ast.AST]]:
    """Return the calls whose errors are swallowed, each with the next use of its session."""
    swallowed = [item for flow in file.flows for item in flow.swallowed.items()]
    return {node: use for node, (kind, use) in reversed(swallowed) if kind == wanted}.items()


class BeginTwice(Rule):
    """session.begin() fails after a statement that has already begun a transaction.

    After commit() or rollback(), you may call begin() again.
    """

    code = "OAT203"
    scripts = (75,)
    message = (
        "A statement has already begun a transaction on this session, so begin() raises "
        "InvalidRequestError."
    )
    remedy = "Call begin() first, or leave out begin() and call commit() at the end."
    related_message = "this line begins the transaction"

    def check(self, file: SourceFile) -> Iterator[Finding]:
        begins = dict(item for flow in reversed(file.flows) for item in flow.late_begins.items())
        for begin, statement in begins.items():
            yield self.report(file, begin, related=statement)
