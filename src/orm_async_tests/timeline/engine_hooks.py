"""Connects a recorder to SQLAlchemy and asyncio, and disconnects it afterwards.

SQLAlchemy has no event for two moments: a task begins to wait for the pool, and the server answers
a COMMIT. To record these moments, the module wraps SQLAlchemy's `Pool.connect()`, and the dialect's
`do_commit()` and `do_rollback()`.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from greenlet import getcurrent, greenlet
from sqlalchemy import Connection, Engine, ExceptionContext, Pool, event
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from orm_async_tests.timeline.event_list import Event, Kind
from orm_async_tests.timeline.recording import ConnectionRecord, Recorder, Wait

RECORD = "orm_async_tests.timeline"  # the key of a ConnectionRecord in a connection's `info`


@contextmanager
def record_events(recorder: Recorder, unobserved: Engine | None = None) -> Iterator[None]:
    """While the block runs, record what every engine except `unobserved` does.

    The tasks of an event loop are recorded from the first event in this loop.
    """
    hooks = EngineHooks(recorder, unobserved)
    recorder.start()
    with ExitStack() as stack:
        for target, name in hooks.targets:
            listener = getattr(hooks, name)
            # It returns what it is given, so that SQLAlchemy need not wrap it.
            options = {"retval": True} if name == "before_cursor_execute" else {}
            event.listen(target, name, listener, **options)
            stack.callback(event.remove, target, name, listener)
        for owner, name in ((Pool, "connect"), (DefaultDialect, "do_commit")):
            _replace(stack, owner, name, getattr(hooks, f"wrap_{name}"))
        _replace(stack, DefaultDialect, "do_rollback", hooks.wrap_do_commit)
        stack.callback(recorder.restore_loops)
        yield


def _replace(stack: ExitStack, owner: type, name: str, wrap: Callable[[Any], Any]) -> None:
    original = getattr(owner, name)
    setattr(owner, name, wrap(original))
    stack.callback(setattr, owner, name, original)


class EngineHooks:
    """Listeners for SQLAlchemy's events. Each method has the name of the event that it handles."""

    targets = (
        *((Engine, name) for name in ("before_cursor_execute", "after_cursor_execute")),
        *((Engine, name) for name in ("handle_error", "commit", "rollback", "do_connect")),
        *((Pool, name) for name in ("connect", "checkout", "checkin")),
    )

    def __init__(self, recorder: Recorder, unobserved: Engine | None) -> None:
        self.recorder = recorder
        self._unobserved = unobserved
        self._waits: dict[greenlet, Wait] = {}
        self._statements: dict[int, tuple[ConnectionRecord, Event]] = {}  # by id of their context
        self._failed_ends: dict[greenlet, Event] = {}  # COMMIT or ROLLBACK
        self._ending: Kind | None = None  # what the next do_commit() or do_rollback() sends

    def before_cursor_execute(
        self,
        connection: Connection,
        _cursor: Any,
        statement: str,
        values: Any,
        context: Any,
        _many: Any,
    ) -> tuple[str, Any]:
        record = connection.info.get(RECORD)
        if record in self.recorder.connections:
            event = self.recorder.begin_statement(record, "statement", statement)
            self._statements[id(context)] = record, event
        return statement, values

    def after_cursor_execute(
        self, _: Connection, _cursor: Any, _text: str, _values: Any, context: Any, _many: Any
    ) -> None:
        if sent := self._statements.pop(id(context), None):
            self.recorder.finish_statement(*sent)

    def handle_error(self, context: ExceptionContext) -> None:
        error = context.sqlalchemy_exception or context.original_exception
        if sent := self._statements.pop(id(context.execution_context), None):
            self.recorder.finish_statement(*sent, error)
        elif failed := self._failed_ends.pop(getcurrent(), None):
            self.recorder.set_error(failed, error)

    def commit(self, connection: Connection) -> None:
        if connection.engine is not self._unobserved:
            self._ending = "commit"

    def rollback(self, connection: Connection) -> None:
        if connection.engine is not self._unobserved and not connection.invalidated:
            self._ending = "rollback"

    def do_connect(self, *_: Any) -> None:
        if wait := self._waits.get(getcurrent()):
            self.recorder.finish_wait(wait)
            opening = self.recorder.begin("connect")
            self._waits[getcurrent()] = Wait(opening.start, -1, opening)

    def connect(self, dbapi_connection: Any, entry: ConnectionPoolEntry) -> None:
        wait = self._waits.get(getcurrent())
        if wait is not None and wait.opening is not None:
            self.recorder.events.append(wait.opening)
            record = self.recorder.add_connection(_read_pid(dbapi_connection), wait.opening)
            entry.info[RECORD] = record

    def checkout(self, dbapi_connection: Any, entry: ConnectionPoolEntry, _: Any) -> None:
        wait = self._waits.get(getcurrent())
        if wait is None:
            return
        if wait.opening is None:
            self.recorder.finish_wait(wait)
        record = entry.info.get(RECORD)
        if record not in self.recorder.connections:
            record = self.recorder.add_connection(_read_pid(dbapi_connection), None)
            entry.info[RECORD] = record
        self.recorder.check_out(record)

    def checkin(self, _: Any, entry: ConnectionPoolEntry) -> None:
        record = entry.info.get(RECORD)
        if record in self.recorder.connections:
            self.recorder.check_in(record)

    def wrap_connect(self, original: Callable[[Pool], Any]) -> Callable[[Pool], Any]:
        """Wrap `Pool.connect()`, so that the time until a connection is checked out is recorded as
        a wait.
        """

        def connect(pool: Pool) -> Any:
            if self._unobserved is not None and pool is self._unobserved.pool:
                return original(pool)
            waiter = getcurrent()
            self._waits[waiter] = self.recorder.begin_wait()
            try:
                return original(pool)
            except BaseException as error:
                self.recorder.finish_wait(self._waits[waiter], error)
                raise
            finally:
                del self._waits[waiter]

        return connect

    def wrap_do_commit(self, original: Callable[..., None]) -> Callable[..., None]:
        """Wrap `do_commit()` or `do_rollback()`, which the pool calls even if no transaction is
        open.
        """

        def end(dialect: DefaultDialect, connection: PoolProxiedConnection) -> None:
            kind, self._ending = self._ending, None
            record = connection.info.get(RECORD) if kind else None
            if kind is None or record not in self.recorder.connections:
                original(dialect, connection)
                return
            event = self.recorder.begin_statement(record, kind, kind.upper())
            try:
                original(dialect, connection)
            except BaseException as error:
                self.recorder.finish_statement(record, event, error)
                self._failed_ends[getcurrent()] = event
                raise
            self.recorder.finish_statement(record, event)

        return end


def _read_pid(dbapi_connection: Any) -> int:
    """Return the process ID of the connection's server process, or 0 if the driver does not know
    it.
    """
    driver: Any = getattr(dbapi_connection, "driver_connection", None)
    if hasattr(driver, "get_server_pid"):
        return 0 if driver.is_closed() else int(driver.get_server_pid())
    return int(getattr(getattr(driver, "info", None), "backend_pid", 0))
