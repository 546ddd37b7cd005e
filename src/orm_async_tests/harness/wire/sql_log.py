"""Records the SQL of all engines in this process, in the order of the server's answers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, event

from orm_async_tests.harness.definitions.variants import Observation, sqlstate

ENDS = ("COMMIT", "ROLLBACK")
TRANSACTION = ("BEGIN", *ENDS)


@contextmanager
def record_sql(observation: Observation, unobserved: Engine) -> Iterator[None]:
    """In the `with` block of `record_sql()`, record the statements of every engine except the
    engine `unobserved`.

    Record a statement only when the server has answered with rows or an error, because a lazy load
    that raises MissingGreenlet sends no statement. Give a new transaction the lowest number that no
    open transaction has.
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
    ends: dict[int, int] = {}  # by id(): the index of the last COMMIT or ROLLBACK in the log

    def record(connection: Connection | None, text: str, sqlstate: str = "") -> None:
        if connection is None or connection.engine is not unobserved:
            observation.log.append(" ".join(text.split()))
            observation.sqlstates.append(sqlstate)
            free = set(range(len(open_ids) + 1)) - {*open_ids.values()}
            observation.transaction_ids.append(open_ids.setdefault(id(connection), min(free)))
            if text in ENDS:
                del open_ids[id(connection)]
                ends[id(connection)] = len(observation.log) - 1

    def after_statement(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        record(connection, statement)

    def on_error(context: ExceptionContext) -> None:
        refusal = sqlstate(context.original_exception)
        if refusal and context.statement:
            record(context.connection, context.statement, refusal)
        elif refusal and (end := ends.get(id(context.connection))) is not None:
            observation.sqlstates[end] = refusal  # the event of COMMIT comes before it is sent

    def recorder(word: str) -> Callable[[Connection], None]:
        return lambda connection: record(connection, word)

    listeners = {word.lower(): recorder(word) for word in TRANSACTION}
    return {**listeners, "after_cursor_execute": after_statement, "handle_error": on_error}
