"""Connect a recorder to SQLAlchemy and asyncio, and restore both afterwards.

No event says that a task begins to wait for the pool, or that a COMMIT was answered. The recorder
wraps methods instead: Pool.connect(), and the dialect's do_commit() and do_rollback().
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, Pool, event
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from orm_async_tests.timeline.event_list import Event, Kind
from orm_async_tests.timeline.recording import ConnectionRecord, Recorder

RECORD = "orm_async_tests.timeline"  # the key of a ConnectionRecord in a connection's `info`


@contextmanager
def record_events(recorder: Recorder, unobserved: Engine | None = None) -> Iterator[None]:
    """Record what every engine except `unobserved` does while the block runs.

    The recording of an event loop's tasks starts with the first event in this event loop.
    """
    hooks = EngineHooks(recorder, unobserved)
    recorder.start()
    with ExitStack() as stack:
        for target, name in hooks.targets:
            listener = getattr(hooks, name)
            event.listen(target, name, listener)
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
    """Listeners of SQLAlchemy's events, with the names of the events."""

    targets = (
        *((Engine, name) for name in ("before_cursor_execute", "after_cursor_execute")),
        *((Engine, name) for name in ("handle_error", "begin", "commit", "rollback")),
        (Engine, "do_connect"),
        *((Pool, name) for name in ("connect", "checkout", "checkin")),
    )

    def __init__(self, recorder: Recorder, unobserved: Engine | None) -> None:
        self.recorder = recorder
        self._unobserved = unobserved
        # By task: its wait for the pool or for a new connection, and the changes before it.
        self._waits: dict[int, tuple[Event, int]] = {}
        self._checked_out: dict[int, ConnectionRecord] = {}  # by the id of the pool's entry
        self._statements: dict[tuple[int, int], tuple[ConnectionRecord, Event]] = {}
        self._failed_ends: dict[int, Event] = {}  # by task: its COMMIT or ROLLBACK
        self._ending: Kind | None = None  # what the next do_commit() or do_rollback() sends

    def before_cursor_execute(
        self, connection: Connection, _cursor: Any, statement: str, *_: Any
    ) -> None:
        record = self._find_record(connection)
        if record is not None:
            event = self.recorder.begin_statement(record, "statement", statement)
            self._statements[id(connection), _task_id()] = record, event

    def after_cursor_execute(self, connection: Connection, *_: Any) -> None:
        if sent := self._statements.pop((id(connection), _task_id()), None):
            self.recorder.finish_statement(*sent)

    def handle_error(self, context: ExceptionContext) -> None:
        error = context.sqlalchemy_exception or context.original_exception
        if sent := self._statements.pop((id(context.connection), _task_id()), None):
            self.recorder.finish_statement(*sent, error)
        elif failed := self._failed_ends.pop(_task_id(), None):
            self.recorder.set_error(failed, error)

    def begin(self, connection: Connection) -> None:
        if record := self._find_record(connection):
            record.begins = True

    def commit(self, connection: Connection) -> None:
        if connection.engine is not self._unobserved:
            self._ending = "commit"

    def rollback(self, connection: Connection) -> None:
        if connection.engine is not self._unobserved:
            self._ending = "rollback"

    def do_connect(self, *_: Any) -> None:
        if wait := self._waits.get(_task_id()):
            self.recorder.finish_wait(*wait)
            self._waits[_task_id()] = self.recorder.begin("connect"), -1

    def connect(self, dbapi_connection: Any, entry: ConnectionPoolEntry) -> None:
        opening, _ = self._waits.get(_task_id(), (None, 0))
        if opening is not None and opening.kind == "connect":
            self.recorder.events.append(opening)
            record = self.recorder.add_connection(_read_pid(dbapi_connection), opening)
            entry.info[RECORD] = record

    def checkout(self, dbapi_connection: Any, entry: ConnectionPoolEntry, _: Any) -> None:
        wait = self._waits.get(_task_id())
        if wait is None:
            return
        if wait[0].kind == "pool":
            self.recorder.finish_wait(*wait)
        record = entry.info.get(RECORD)
        if record not in self.recorder.connections:
            record = self.recorder.add_connection(_read_pid(dbapi_connection), None)
            entry.info[RECORD] = record
        self.recorder.check_out(record, wait[0])
        self._checked_out[id(entry)] = record

    def checkin(self, _: Any, entry: ConnectionPoolEntry) -> None:
        if record := self._checked_out.pop(id(entry), None):
            self.recorder.check_in(record)

    def wrap_connect(self, original: Callable[[Pool], Any]) -> Callable[[Pool], Any]:
        """Wrap Pool.connect(): the task waits until a connection is checked out."""

        def connect(pool: Pool) -> Any:
            if self._unobserved is not None and pool is self._unobserved.pool:
                return original(pool)
            task = _task_id()
            self._waits[task] = self.recorder.begin("pool"), self.recorder.changes
            try:
                return original(pool)
            except BaseException as error:
                self.recorder.finish_wait(*self._waits[task], error)
                raise
            finally:
                del self._waits[task]

        return connect

    def wrap_do_commit(self, original: Callable[..., None]) -> Callable[..., None]:
        """Wrap do_commit() or do_rollback(), which the pool also calls without a transaction."""

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
                self._failed_ends[_task_id()] = event
                raise
            self.recorder.finish_statement(record, event)

        return end

    def _find_record(self, connection: Connection) -> ConnectionRecord | None:
        if connection.engine is self._unobserved:
            return None
        record = connection.info.get(RECORD)
        return record if record in self.recorder.connections else None


def _task_id() -> int:
    """Return what distinguishes the running task from others, or the thread without a task."""
    try:
        return id(asyncio.current_task())
    except RuntimeError:
        return threading.get_ident()


def _read_pid(dbapi_connection: Any) -> int:
    """Return the process ID of the connection's backend, or 0 if the driver has none."""
    driver: Any = getattr(dbapi_connection, "driver_connection", None)
    if hasattr(driver, "get_server_pid"):
        return 0 if driver.is_closed() else int(driver.get_server_pid())
    return int(getattr(getattr(driver, "info", None), "backend_pid", 0))
