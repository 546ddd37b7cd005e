"""Connects a recorder to SQLAlchemy and asyncio, and disconnects it afterwards.

SQLAlchemy has no event when a wait for the pool begins, or when a COMMIT is answered. The module
wraps `Pool.connect()`, and the dialect's `do_commit()` and `do_rollback()`.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from time import perf_counter_ns
from types import FunctionType
from typing import Any

from greenlet import getcurrent, greenlet
from sqlalchemy import Connection, Engine, ExceptionContext, Pool, event
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import MissingGreenlet
from sqlalchemy.pool import PoolProxiedConnection

from orm_async_tests.timeline.event_list import Event, Kind
from orm_async_tests.timeline.recording import ConnectionRecord, Recorder

ENDS: tuple[Kind, ...] = ("commit", "rollback")
LISTENED: dict[str, type] = {
    "before_cursor_execute": Engine,
    "after_cursor_execute": Engine,
    "handle_error": Engine,
    "do_connect": Engine,
    "connect": Pool,
    "checkin": Pool,
}


@contextmanager
def record_events(recorder: Recorder, unobserved: Engine | None = None) -> Iterator[None]:
    """Record what all engines do in the `with` block, except the engine `unobserved`.

    The recording of tasks begins with the first event in their event loop.
    """
    hooks = EngineHooks(recorder, unobserved)
    recorder.start()
    with ExitStack() as stack:
        for name, target in LISTENED.items():
            listener = getattr(hooks, name)
            # Its return value is its arguments, so that SQLAlchemy need not wrap the listener.
            options = {"retval": True} if name == "before_cursor_execute" else {}
            event.listen(target, name, listener, **options)
            stack.callback(event.remove, target, name, listener)
        replace_method(stack, Pool, "connect", hooks.wrap_connect)
        for kind in ENDS:
            replace_method(stack, DefaultDialect, f"do_{kind}", hooks.wrap_end, kind)
        stack.callback(recorder.restore_loops)
        yield


def replace_method(
    stack: ExitStack, owner: type, name: str, wrap: Callable[..., Any], *arguments: Any
) -> None:
    """Replace a method by `wrap(method, *arguments)` until the stack closes."""
    original = getattr(owner, name)
    wrapper = wrap(original, *arguments)
    # A warning of SQLAlchemy names the innermost line outside of the modules of SQLAlchemy.
    names = {**wrapper.__globals__, "__name__": original.__module__}
    disguised = FunctionType(wrapper.__code__, names, closure=wrapper.__closure__)
    setattr(owner, name, wraps(original)(disguised))
    stack.callback(setattr, owner, name, original)


class EngineHooks:
    """Listens to SQLAlchemy's events, and wraps methods of SQLAlchemy.

    A listener has the name of its event. Listeners and wrappers run for every statement, so they
    avoid slow calls and properties.
    """

    def __init__(self, recorder: Recorder, unobserved: Engine | None) -> None:
        self.recorder = recorder
        self._unobserved = unobserved
        self._records: dict[int, ConnectionRecord] = {}  # by id of the DBAPI connection
        # For each greenlet, its wait for the pool, or None after the wait.
        self._waits: dict[greenlet, tuple[int, int] | None] = {}
        self._openings: dict[greenlet, Event] = {}  # of a new connection

    def before_cursor_execute(
        self,
        connection: Connection,
        _cursor: Any,
        statement: str,
        values: Any,
        context: Any,
        _many: Any,
    ) -> tuple[str, Any]:
        if record := self._records.get(id(connection.connection.dbapi_connection)):
            event = self.recorder.begin_statement(record, "statement", statement)
            if event.begins and is_in_autocommit(connection):
                event.begins, record.begins = False, True
            context.orm_async_event = record, event
        return statement, values

    def after_cursor_execute(
        self, _: Connection, _cursor: Any, _text: str, _values: Any, context: Any, _many: Any
    ) -> None:
        if sent := getattr(context, "orm_async_event", None):
            self.recorder.finish_statement(*sent)

    def handle_error(self, context: ExceptionContext) -> None:
        error = context.sqlalchemy_exception or context.original_exception
        sent = getattr(context.execution_context, "orm_async_event", None)
        if sent and sent[1].duration < 0:  # the server has not answered yet
            record, statement = sent
            self.recorder.finish_statement(record, statement, error, int(statement.begins))
        elif not sent and (failed := find_event(context)):
            self.recorder.set_error(failed, error)
        elif not sent and isinstance(context.original_exception, MissingGreenlet):
            # psycopg raises this error before SQLAlchemy calls before_cursor_execute().
            event = self.recorder.begin("statement", text=context.statement or "")
            event.unsent = True
            self.recorder.finish_event(event, error)

    def do_connect(self, *_: Any) -> None:
        waiter = getcurrent()
        if waiter in self._waits:
            if wait := self._waits[waiter]:
                self.recorder.finish_wait(*wait)
            self._waits[waiter] = None
            self._openings[waiter] = self.recorder.begin("connect")

    def connect(self, dbapi_connection: Any, _: Any) -> None:
        self._records.pop(id(dbapi_connection), None)  # a closed connection may have had this id
        if opening := self._openings.pop(getcurrent(), None):
            self._add_connection(dbapi_connection, opening)

    def checkin(self, dbapi_connection: Any, _: Any) -> None:
        if record := self._records.get(id(dbapi_connection)):
            self.recorder.check_in(record)

    def _add_connection(self, dbapi_connection: Any, opening: Event | None) -> ConnectionRecord:
        record = self.recorder.add_connection(_read_pid(dbapi_connection), opening)
        self._records[id(dbapi_connection)] = record
        return record

    def wrap_connect(self, original: Callable[[Pool], Any]) -> Callable[[Pool], Any]:
        recorder, waits, records = self.recorder, self._waits, self._records

        def connect(pool: Pool) -> Any:
            if self._unobserved is not None and pool is self._unobserved.pool:
                return original(pool)
            waiter = getcurrent()
            waits[waiter] = perf_counter_ns(), recorder.changes
            try:
                proxy = original(pool)
            except BaseException as error:
                wait = waits.pop(waiter)
                if opening := self._openings.pop(waiter, None):
                    recorder.finish_event(opening, error)
                elif wait:
                    recorder.finish_wait(*wait, error)
                raise
            if wait := waits.pop(waiter):
                recorder.finish_wait(*wait)
            connection = proxy.dbapi_connection
            record = records.get(id(connection)) or self._add_connection(connection, None)
            recorder.check_out(record)
            return proxy

        return connect

    def wrap_end(self, original: Callable[..., None], kind: Kind) -> Callable[..., None]:
        recorder, records = self.recorder, self._records
        text, caller = kind.upper(), Connection.__module__  # the pool, too, calls these methods

        def end(dialect: DefaultDialect, connection: PoolProxiedConnection) -> None:
            record, driver = None, connection.dbapi_connection
            if sys._getframe(1).f_globals["__name__"] == caller:
                record = records.get(id(driver))
            if record is None or getattr(driver, "autocommit", False):
                original(dialect, connection)
                return
            event = recorder.begin_statement(record, kind, text)
            try:
                original(dialect, connection)
            except BaseException as error:
                recorder.finish_statement(record, event, error)
                failed: Any = error
                failed.orm_async_event = event
                raise
            recorder.finish_statement(record, event)

        return end


def find_event(context: ExceptionContext) -> Event | None:
    """Return the event of a failed statement, COMMIT or ROLLBACK."""
    if sent := getattr(context.execution_context, "orm_async_event", None):
        event: Event = sent[1]
        return event
    return getattr(context.original_exception, "orm_async_event", None)


def is_in_autocommit(connection: Connection | None) -> bool:
    if connection is None or connection.closed or connection.invalidated:
        return False
    return bool(getattr(connection.connection.dbapi_connection, "autocommit", False))


def _read_pid(dbapi_connection: Any) -> int:
    """Return the PID of a connection's server process, or 0 if it is unknown."""
    driver: Any = getattr(dbapi_connection, "driver_connection", None)
    if hasattr(driver, "get_server_pid"):
        return 0 if driver.is_closed() else int(driver.get_server_pid())
    return int(getattr(getattr(driver, "info", None), "backend_pid", 0))
