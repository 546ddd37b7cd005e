"""Which task is inside a session or a connection, and at which line it went in.

What is asked at each call stands on the greenlet, the session or the connection, and ends with it.
"""

import asyncio
import gc
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from greenlet import getcurrent, greenlet
from sqlalchemy import Connection
from sqlalchemy.orm import InstanceState, Session, loading

from orm_async_tests.pytest_plugin.places import (
    Place,
    awaiting,
    here,
    innermost,
    running_task,
    waiting,
)

SEEN = "_async_orm_seen"  # of a greenlet
INSIDE = "_async_orm_inside"  # of a session or a connection: what was last seen inside
QUERIES = "_async_orm_queries"  # of a session
ORIGIN = "_async_orm_origin"  # of the InstanceState of an object that was inserted
KEPT = 1000  # queries of a session

Target = Session | Connection


class Seen(weakref.ref[greenlet]):
    """A greenlet in which a task has called SQLAlchemy; a class of its own would be two objects."""

    __slots__ = ("awaits", "task")
    task: "weakref.ref[asyncio.Task[Any]] | None"
    awaits: Place | None  # the line that awaits it, once it was looked for


class Uses:
    """Its methods are called by what wraps SQLAlchemy's: lines are looked for from there."""

    def __init__(self, met: Callable[[str, str], None]) -> None:
        self.met = met  # told of what two tasks have met in, and of both lines

    def enter(self, target: Target) -> Seen | None:
        """A greenlet of the running task is inside it until it is dead."""
        inside = getcurrent()
        seen: Seen | None = getattr(inside, SEEN, None)
        if seen is None:
            if inside.parent is None:
                return None
            seen, task = Seen(inside), running_task()
            seen.task, seen.awaits = weakref.ref(task) if task else None, None
            setattr(inside, SEEN, seen)
        last: Seen | None = getattr(target, INSIDE, None)
        if last is not seen:
            if last is not None and last() is not None:
                self._follow(target, last, seen)
            setattr(target, INSIDE, seen)
        return seen

    def write(self, session: Session) -> Seen | None:
        """It will insert: the way to the line is short here, and long from the pool."""
        seen = self.enter(session)
        if seen is not None and seen.awaits is None:
            _line(seen, sys._getframe(1))
        return seen

    def query(self, session: Session) -> None:
        """It queries: the objects that this loads have later numbers, which SQLAlchemy counts."""
        seen = self.enter(session)
        if seen is not None:
            queries: deque[tuple[int, Place]] | None = getattr(session, QUERIES, None)
            if queries is None:
                queries = deque(maxlen=KEPT)
                setattr(session, QUERIES, queries)
            queries.append((loading._new_runid(), _line(seen, sys._getframe(1))))

    def inserted(self, seen: Seen, states: Iterable[InstanceState[Any]]) -> None:
        """A flush has inserted these."""
        line = seen.awaits or _line(seen, sys._getframe(1))
        for state in states:
            setattr(state, ORIGIN, line)

    def line(self) -> Place:
        """The line that runs, or awaits this, if that is known: the way is long from the pool."""
        seen: Seen | None = getattr(getcurrent(), SEEN, None)
        if seen is None:
            return here()
        return seen.awaits or _line(seen, sys._getframe(1))

    def origin(self, session: Session | None, state: InstanceState[Any]) -> Place | None:
        """The line by which an object came into this session, or was loaded again."""
        queries: Iterable[tuple[int, Place]] = getattr(session, QUERIES, ())
        number = state.runid
        loaded = [line for before, line in queries if number is not None and before < number]
        return loaded[-1] if loaded else getattr(state, ORIGIN, None)

    def begun(self, driver: int) -> bool:
        """Whether a connection that lives has a transaction open on this one of the driver's."""
        return any(
            id(each.connection.dbapi_connection) == driver and each.in_transaction()
            for each in gc.get_objects()
            if issubclass(type(each), Connection)  # isinstance() would wake lazy proxies
            and hasattr(each, INSIDE)
            and not (each.closed or each.invalidated)
        )

    def _follow(self, target: Target, last: Seen, seen: Seen) -> None:
        """One greenlet after another is inside: two tasks have met if the first one lives."""
        inside = last()
        if inside is None or inside.dead:
            return
        task, other = (each.task() if each.task else None for each in (last, seen))
        if task is None or other is None or task is other:
            return
        name = "connection" if isinstance(target, Connection) else "session"
        self.met(name, f"{waiting(task, inside)}\n    and {here()}")


def _line(seen: Seen, frame: FrameType) -> Place:
    """The innermost line: in the running greenlet from this frame on, else what awaits it.

    In run_sync() the greenlet itself has lines of the user's. What awaits it stays where it is.
    """
    found = innermost(frame)
    if found is not None:
        return found
    if seen.awaits is None:
        seen.awaits = awaiting(getcurrent().parent)
    return seen.awaits
