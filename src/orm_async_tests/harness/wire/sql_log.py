"""Records the SQL of all engines, in the order in which statements end."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, event

from orm_async_tests.db import sqlstate
from orm_async_tests.harness.definitions.variants import Observation
from orm_async_tests.timeline.engine_hooks import find_event, is_in_autocommit
from orm_async_tests.timeline.recording import CLIENT_ERRORS

ENDS = ("COMMIT", "ROLLBACK")
TRANSACTION = ("BEGIN", *ENDS)
UNANSWERED = CANCELLED, NO_ANSWER = "cancelled", "no answer"


@contextmanager
def record_sql(observation: Observation, unobserved: Engine) -> Iterator[None]:
    """Record the statements of all engines except `unobserved`.

    Call this function inside a `with record_events()` block. Ignore statements that were not sent,
    for example a lazy load that raises MissingGreenlet, or the BEGIN of a connection in AUTOCOMMIT.
    """
    listeners = _listeners(observation, unobserved)
    for name, listener in listeners.items():
        event.listen(Engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners.items():
            event.remove(Engine, name, listener)


def _listeners(observation: Observation, unobserved: Engine) -> dict[str, Callable[..., None]]:
    open_ids: dict[int, int] = {}  # by id(), because a reference would keep a connection open
    last: dict[int, int] = {}  # by id(): the index of the last statement in the log

    def record(connection: Connection | None, text: str, failure: str = "") -> None:
        if connection is not None and connection.engine is unobserved:
            return
        # A new transaction gets the lowest number that no open transaction has.
        free = set(range(len(open_ids) + 1)) - {*open_ids.values()}
        number = open_ids.setdefault(id(connection), min(free))
        if text in ENDS:
            del open_ids[id(connection)]
        last[id(connection)] = len(observation.log)
        observation.log.append(" ".join(text.split()))
        observation.sqlstates.append(failure)
        observation.transaction_ids.append(number)

    def after_statement(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        record(connection, statement)

    def on_error(context: ExceptionContext) -> None:
        ended, failure = find_event(context), _describe_failure(context)
        is_refused = bool(sqlstate(context.original_exception))
        is_recorded = ended is not None and not ended.error  # and then a fetch failed
        is_fetch = context.execution_context and not context.statement
        index = last.get(id(context.connection))
        if context.statement and not is_recorded:
            is_clients = type(context.original_exception).__name__ in CLIENT_ERRORS
            is_sent = ended is not None and ended.is_sent and not is_clients
            if is_sent or is_refused:
                record(context.connection, context.statement, failure)
        elif (is_refused or (ended and not is_recorded)) and not is_fetch and index is not None:
            # SQLAlchemy calls the listener for COMMIT before it sends COMMIT.
            observation.sqlstates[index] = failure

    def recorder(word: str) -> Callable[[Connection], None]:
        def record_unless_unsent(connection: Connection) -> None:
            # SQLAlchemy has closed the connection, or has returned it to the pool.
            is_lost = word in ENDS and (connection.invalidated or connection.closed)
            if is_lost or is_in_autocommit(connection):
                open_ids.pop(id(connection), None)
            else:
                record(connection, word)

        return record_unless_unsent

    listeners = {word.lower(): recorder(word) for word in TRANSACTION}
    return {**listeners, "after_cursor_execute": after_statement, "handle_error": on_error}


def _describe_failure(context: ExceptionContext) -> str:
    """Return an SQLSTATE, "cancelled", "no answer" or the class of the error."""
    error = context.original_exception
    if state := sqlstate(error):
        return state
    if isinstance(error, asyncio.CancelledError):
        return CANCELLED
    is_drivers = isinstance(error, context.dialect.loaded_dbapi.Error)
    return type(error).__name__ if is_drivers and not context.is_disconnect else NO_ANSWER
