"""The statements that any engine of this process sends, in the order in which they are answered."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, event

from orm_async_tests.harness.definitions.observation import Observation, sqlstate

ENDS = ("COMMIT", "ROLLBACK")
TRANSACTION = ("BEGIN", *ENDS)


@contextmanager
def recorded(seen: Observation, unobserved: Engine) -> Iterator[None]:
    """Note in seen what every engine but the unobserved one sends while the block runs.

    An entry's lane is the lowest number that no other open transaction has.

    A statement is noted after the server answered it, with rows or with an error: an event before
    it would also count a lazy load that the asyncio session refuses and never sends.
    """
    listeners = _listeners(seen, unobserved)
    for name, listener in listeners:
        event.listen(Engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners:
            event.remove(Engine, name, listener)


def _listeners(seen: Observation, unobserved: Engine) -> list[tuple[str, Callable[..., None]]]:
    taken: dict[int, int] = {}  # by the connection's id: a reference would keep it from ending
    ended: dict[int, int] = {}  # where in the log its transaction's end is

    def note(connection: Connection | None, text: str, sqlstate: str = "") -> None:
        if connection is None or connection.engine is not unobserved:
            seen.log.append(" ".join(text.split()))
            seen.sqlstates.append(sqlstate)
            seen.transaction_ids.append(taken.setdefault(id(connection), _lowest_free(taken)))
            if text in ENDS:
                del taken[id(connection)]
                ended[id(connection)] = len(seen.log) - 1

    def answered(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        note(connection, statement)

    def failed(context: ExceptionContext) -> None:
        refusal = sqlstate(context.original_exception)
        if refusal and context.statement:
            note(context.connection, context.statement, refusal)
        elif refusal and (end := ended.get(id(context.connection))) is not None:
            seen.sqlstates[end] = refusal  # its event comes before it is sent

    def transaction(word: str) -> Callable[[Connection], None]:
        return lambda connection: note(connection, word)

    marks = [(word.lower(), transaction(word)) for word in TRANSACTION]
    return [("after_cursor_execute", answered), ("handle_error", failed), *marks]


def _lowest_free(taken: dict[int, int]) -> int:
    used = set(taken.values())
    return next(number for number in range(len(used) + 1) if number not in used)
