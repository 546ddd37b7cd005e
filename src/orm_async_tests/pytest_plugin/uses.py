"""Which task is inside a session or a connection, and at which line it went in."""

import asyncio
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import greenlet
from sqlalchemy import Connection
from sqlalchemy.orm import InstanceState, Session, loading

from orm_async_tests.pytest_plugin.places import Place, here, running_task, waiting

ORIGIN = "_async_orm_origin"  # of the InstanceState of an object that was inserted
KEPT = 1000  # queries of a session

MANY = 100
Target = Session | Connection
Inside = Callable[[], greenlet.greenlet | None]  # a weak reference, as is the next
Task = Callable[[], asyncio.Task[Any] | None]


def _nothing() -> None:
    return None


def _weak(task: asyncio.Task[Any] | None) -> Task:
    return weakref.ref(task) if task is not None else _nothing


@dataclass(eq=False, slots=True)
class Use:
    """The task that was last seen inside a session or a connection."""

    target: "weakref.ref[Target]"
    inside: Inside = _nothing
    task: Task = _nothing
    flush: Place | None = None
    queries: deque[tuple[int, Place]] | None = None


class Uses:
    """By the id of the target, which is asked at each call: a WeakKeyDictionary takes thrice."""

    def __init__(self, met: Callable[[str, str], None]) -> None:
        self.met = met  # told of what two tasks have met in, and of both lines
        self.by_id: dict[int, Use] = {}
        self.now: tuple[Inside, Task] = (_nothing, _nothing)  # the greenlet that was seen last
        self.call: tuple[Inside, Place] = (_nothing, "")  # of a session, that runs

    def enter(self, target: Target) -> Use | None:
        """A greenlet of the running task is inside it until it is dead."""
        inside = greenlet.getcurrent()
        if inside.parent is None:
            return None
        use = self.by_id.get(id(target))
        if use is None or use.target() is not target:
            use = self.by_id[id(target)] = Use(weakref.ref(target))
        last = use.inside()
        if last is not inside:
            now = self.now
            if now[0]() is not inside:
                now = self.now = (weakref.ref(inside), _weak(running_task()))
            if last is not None and not last.dead and use.task() is not now[1]():
                self._tell(use, last)
            use.inside, use.task = now
        return use

    def query(self, session: Session) -> None:
        """It queries: the objects that this loads have later numbers, which SQLAlchemy counts."""
        use = self.enter(session)
        if use is not None:
            line = here()
            if use.queries is None:
                use.queries = deque(maxlen=KEPT)
            use.queries.append((loading._new_runid(), line))
            self.call = (use.inside, line)

    def flush(self, session: Session, *_: Any) -> None:
        """It flushes: the objects that this inserts come from this line."""
        use = self.enter(session)
        if use is not None:
            use.flush = line = here()
            self.call = (use.inside, line)

    def left(self) -> None:
        """A call of a session's is over; in run_sync() another line may follow."""
        self.call = (_nothing, "")

    def line(self) -> Place:
        """The line that runs, which a session may know already: the way is long from a pool."""
        inside, line = self.call
        return line if inside() is greenlet.getcurrent() else here()

    def inserted(self, session: Session, state: InstanceState[Any]) -> None:
        use = self.by_id.get(id(session))
        if use is not None and use.flush is not None:
            setattr(state, ORIGIN, use.flush)

    def origin(self, session: Session | None, state: InstanceState[Any]) -> Place | None:
        """The line by which an object came into this session, or was loaded again."""
        use, number = self.by_id.get(id(session)), state.runid
        if use is None or use.queries is None or number is None:
            return getattr(state, ORIGIN, None)
        loaded = [line for before, line in use.queries if before < number]
        return loaded[-1] if loaded else getattr(state, ORIGIN, None)

    def begun(self, driver: int) -> bool:
        """Whether a connection that lives has a transaction open on this one of the driver's."""
        targets = [use.target() for use in self.by_id.values()]
        return any(
            id(each.connection.dbapi_connection) == driver and each.in_transaction()
            for each in targets
            if isinstance(each, Connection) and not (each.closed or each.invalidated)
        )

    def forget(self) -> None:
        """Drop what is garbage, once there is much."""
        if len(self.by_id) > MANY:
            self.by_id = {id_: use for id_, use in self.by_id.items() if use.target() is not None}

    def _tell(self, use: Use, inside: greenlet.greenlet) -> None:
        """Another task is inside it."""
        task = use.task()
        if task is not None and running_task() is not None:
            name = "connection" if isinstance(use.target(), Connection) else "session"
            self.met(name, f"{waiting(task, inside)}\n    and {here()}")
