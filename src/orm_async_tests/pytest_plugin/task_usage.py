"""Records which task uses a session or a connection, and on which line.

The module stores its records in attributes of greenlets, sessions and connections, so Python
deletes the records together with these objects.
"""

import asyncio
import gc
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from greenlet import getcurrent, greenlet
from sqlalchemy import Connection, Transaction
from sqlalchemy.orm import InstanceState, Session, loading

from orm_async_tests.pytest_plugin.source_lines import (
    Location,
    find_user_line,
    locate_awaiter,
    locate_caller,
    locate_task,
    running_task,
)

CALLER = "_async_orm_caller"  # a greenlet's Caller
LAST_CALLER = "_async_orm_last_caller"  # of a session or a connection: the last Caller inside it
QUERIES = "_async_orm_queries"  # a session's recorded queries
ORIGIN = "_async_orm_origin"  # of the InstanceState of an object that a flush inserted
MAX_QUERIES = 1000  # the number of queries that are remembered for a session

Target = Session | Connection


class Caller(weakref.ref[greenlet]):
    """A weak reference to a greenlet in which a task called SQLAlchemy."""

    __slots__ = ("awaiter", "task")
    task: "weakref.ref[asyncio.Task[Any]] | None"
    awaiter: Location | None  # the line that awaits the greenlet, once it was looked up


Inserts = tuple[Caller | None, list[InstanceState[Any]]]


class TaskUsage:
    """Records which tasks call methods of sessions and connections.

    TaskUsage calls `report_conflict` when two tasks use one session or connection at the same time.
    The arguments of `report_conflict` are the text "session" or "connection", and the lines of both
    tasks.
    """

    def __init__(self, report_conflict: Callable[[str, Location, Location], None]) -> None:
        self.report_conflict = report_conflict

    def record_call(self, target: Target) -> Caller | None:
        """Record that the running task uses a session or a connection."""
        current = getcurrent()
        caller: Caller | None = getattr(current, CALLER, None)
        if caller is None:
            if current.parent is None:
                return None
            caller, task = Caller(current), running_task()
            caller.task, caller.awaiter = weakref.ref(task) if task else None, None
            setattr(current, CALLER, caller)
        last: Caller | None = getattr(target, LAST_CALLER, None)
        if last is not caller:
            if last is not None and last() is not None:
                self._check_overlap(target, last, caller)
            setattr(target, LAST_CALLER, caller)
        return caller

    def record_end(self, transaction: Transaction) -> None:
        self.record_call(transaction.connection)

    def record_write(self, session: Session) -> Caller | None:
        """Record a call to `commit()` or `flush()`."""
        caller = self.record_call(session)
        # the public property `new` would build a set
        if session._new and caller is not None and caller.awaiter is None:
            _locate(caller)  # during the INSERT, the call stack is deeper and the search slower
        return caller

    def record_query(self, session: Session) -> None:
        """Record a query, so that `find_origin()` can say where an object was loaded."""
        caller = self.record_call(session)
        if caller is not None:
            queries: deque[tuple[int, Location]] | None = getattr(session, QUERIES, None)
            if queries is None:
                queries = deque(maxlen=MAX_QUERIES)
                setattr(session, QUERIES, queries)
            # SQLAlchemy stores a higher number of this counter as `runid` in the loaded objects.
            queries.append((loading._new_runid(), _locate(caller)))

    def begin_flush(self, session: Session) -> Inserts:
        return self.record_write(session), list(session._new)

    def record_inserts(self, _: Session, inserts: Inserts) -> None:
        caller, states = inserts
        if caller is not None and states:
            line = caller.awaiter or _locate(caller)
            for state in states:
                setattr(state, ORIGIN, line)

    def _check_overlap(self, target: Target, last: Caller, caller: Caller) -> None:
        inside = last()
        if inside is None or inside.dead:
            return
        first, second = (call.task() if call.task else None for call in (last, caller))
        if first is None or second is None or first is second:
            return
        name = "connection" if isinstance(target, Connection) else "session"
        self.report_conflict(name, locate_task(first, inside), locate_caller())


def locate_current_call() -> Location:
    """Return the line of the user's code that caused the current call."""
    caller: Caller | None = getattr(getcurrent(), CALLER, None)
    if caller is None:
        return locate_caller()
    return caller.awaiter or _locate(caller)


def find_origin(session: Session | None, state: InstanceState[Any]) -> Location | None:
    """Return the line of code that loaded or inserted an object, or None."""
    queries: Iterable[tuple[int, Location]] = getattr(session, QUERIES, ())
    runid = state.runid
    lines = [line for number, line in queries if runid is not None and number < runid]
    return lines[-1] if lines else getattr(state, ORIGIN, None)


def has_open_transaction(driver_connection: int) -> bool:
    """Return whether the driver's connection with this `id()` has an open transaction."""
    return any(
        id(candidate.connection.dbapi_connection) == driver_connection
        and candidate.in_transaction()
        for candidate in gc.get_objects()
        if issubclass(type(candidate), Connection)  # isinstance() would wake lazy proxies
        and hasattr(candidate, LAST_CALLER)
        and not (candidate.closed or candidate.invalidated)
    )


def _locate(caller: Caller) -> Location:
    """Return the line of the user's code that runs in a greenlet or awaits the greenlet.

    Only `run_sync()` runs the user's code in a greenlet.
    """
    line = find_user_line(sys._getframe(2))
    if line is not None:
        return line
    if caller.awaiter is None:  # the line that awaits a greenlet never changes
        caller.awaiter = locate_awaiter(getcurrent().parent)
    return caller.awaiter
