"""The statements that any engine of this process sends, in the order in which they are answered."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, event

from orm_async_tests.harness.ways import sqlstate

TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK")


@contextmanager
def recorded(log: list[str], unobserved: Engine) -> Iterator[None]:
    """Append to log what every engine but the unobserved one sends while the block runs.

    A statement is noted after the server answered it, with rows or with an error: an event before
    it would also count a lazy load that the asyncio session refuses and never sends.
    """
    listeners = _listeners(log, unobserved)
    for name, listener in listeners:
        event.listen(Engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners:
            event.remove(Engine, name, listener)


def _listeners(log: list[str], unobserved: Engine) -> list[tuple[str, Callable[..., None]]]:
    def note(connection: Connection | None, text: str) -> None:
        if connection is None or connection.engine is not unobserved:
            log.append(" ".join(text.split()))

    def answered(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        note(connection, statement)

    def failed(context: ExceptionContext) -> None:
        if context.statement and sqlstate(context.original_exception):
            note(context.connection, context.statement)

    def transaction(word: str) -> Callable[[Connection], None]:
        return lambda connection: note(connection, word)

    marks = [(word.lower(), transaction(word)) for word in TRANSACTION]
    return [("after_cursor_execute", answered), ("handle_error", failed), *marks]
