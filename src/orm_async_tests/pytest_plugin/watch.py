"""What becomes of connections, engines and sessions while a test runs.

All by public events of SQLAlchemy, except what no event tells: see `wraps`.
"""

import asyncio
import gc
import threading
import time
import warnings
import weakref
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import greenlet
from sqlalchemy import AdaptedConnection, Connection, Engine, Pool
from sqlalchemy.exc import SAWarning
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, PoolResetState

from orm_async_tests.pytest_plugin.findings import (
    CONNECTION,
    ENGINE,
    LOOP,
    TASKS,
    TRANSACTION,
    Finding,
)
from orm_async_tests.pytest_plugin.places import Place, here, running_task, waiting

GRACE = 5.0  # seconds in which another thread, as a server's, may give its connections back


@dataclass(eq=False)
class Scope:
    """A test, or a fixture that outlives it: what was opened in it has to be closed at its end."""

    name: str
    taken: list["Taken"] = field(default_factory=list)
    engines: list["Made"] = field(default_factory=list)
    findings: dict[Finding, None] = field(default_factory=dict)  # in order, each once


@dataclass(eq=False)
class Made:
    """An engine, from its first line to dispose()."""

    at: Place
    disposed: bool = False
    opened: set[int] = field(default_factory=set)


@dataclass(eq=False)
class Taken:
    """A connection that was taken from the pool."""

    at: Place
    thread: int
    begun: bool = False
    returned: bool = False
    abandoned: bool = False


@dataclass(eq=False)
class Opened:
    """A driver's connection in a pool, with the loop that opened it."""

    at: Place
    loop: "weakref.ref[asyncio.AbstractEventLoop] | None"
    driver: int  # the driver's connection, by its id
    taken: list[Taken] = field(default_factory=list)  # more than one from a StaticPool
    made: Made | None = None


@dataclass(eq=False)
class Use:
    """The task that was last seen inside a session or a connection."""

    task: "weakref.ref[asyncio.Task[Any]]"
    inside: "weakref.ref[greenlet.greenlet]"


class Watch:
    """Listens for one run of pytest; its methods are named like the events."""

    def __init__(self) -> None:
        self.test: Scope | None = None
        self.scopes: list[Scope] = []  # the innermost fixture that is being set up is the last
        self.engines: MutableMapping[Engine, Made] = weakref.WeakKeyDictionary()
        self.pools: MutableMapping[Pool, Made] = weakref.WeakKeyDictionary()
        self.entries: MutableMapping[ConnectionPoolEntry, Opened] = weakref.WeakKeyDictionary()
        self.drivers: dict[int, Opened] = {}  # those that are out
        self.connections: MutableMapping[Connection, Opened] = weakref.WeakKeyDictionary()
        self.uses: MutableMapping[object, Use] = weakref.WeakKeyDictionary()

    @property
    def scope(self) -> Scope | None:
        """Where what is opened now belongs to."""
        return self.scopes[-1] if self.scopes else self.test

    def find(self, kind: str, what: str) -> None:
        """Note it for the test that is running."""
        if self.test is not None:
            self.test.findings[Finding(kind, what)] = None

    # Engines

    def engine_made(self, engine: Engine) -> None:
        """An AsyncEngine was made for it, perhaps not the first one."""
        known = self.engines.get(engine) or self.pools.get(engine.pool)
        if known is None:
            known = Made(here())
            if self.scope is not None:
                self.scope.engines.append(known)
        self.engines[engine] = self.pools[engine.pool] = known

    def engine_disposed(self, engine: Engine) -> None:
        made = self.engines.get(engine)
        if made is not None:
            made.disposed = True
            self.pools[engine.pool] = made

    def engine_connect(self, connection: Connection) -> None:
        if not connection.dialect.is_async:
            return
        opened = self.drivers.get(id(connection.connection.dbapi_connection))
        if opened is None:
            return  # it was opened before pytest watched
        self.connections[connection] = opened
        made = opened.made = self.pools.get(connection.engine.pool)
        if made is not None:
            made.disposed = False
            made.opened.add(id(opened))

    # Pools

    def connect(self, connection: Any, entry: ConnectionPoolEntry) -> None:
        if isinstance(connection, AdaptedConnection):
            loop = _running_loop()
            loop_or_none = weakref.ref(loop) if loop else None
            self.entries[entry] = Opened(here(), loop_or_none, id(connection))

    def checkout(self, _: Any, entry: ConnectionPoolEntry, __: Any) -> None:
        opened, scope = self.entries.get(entry), self.scope
        if opened is None or scope is None:
            return
        self.drivers[opened.driver] = opened
        taken = Taken(here(), threading.get_ident())
        self._in_its_loop(opened, "used", taken.at)
        opened.taken.append(taken)
        scope.taken.append(taken)

    def checkin(self, _: Any, entry: ConnectionPoolEntry) -> None:
        opened = self.entries.get(entry)
        if opened is not None and opened.taken:
            opened.taken.pop(0).returned = True
            if not opened.taken:
                self.drivers.pop(opened.driver, None)

    def detach(self, _: Any, entry: ConnectionPoolEntry) -> None:
        self.checkin(_, entry)  # it is the user's own now, and no longer the pool's

    def reset(self, _: Any, entry: ConnectionPoolEntry, state: PoolResetState) -> None:
        opened = self.entries.get(entry)
        if opened is not None and not state.asyncio_safe:  # the garbage collector found it
            for taken in opened.taken:
                taken.abandoned = True
            opened.taken.clear()
            self.drivers.pop(opened.driver, None)

    def close(self, _: Any, entry: ConnectionPoolEntry) -> None:
        opened = self.entries.get(entry)
        if opened is None:
            return
        if opened.made is not None:
            opened.made.opened.discard(id(opened))
        if _running_loop() is not None:
            self._in_its_loop(opened, "closed", here())

    def _in_its_loop(self, opened: Opened, done: str, at: Place) -> None:
        loop, now = opened.loop and opened.loop(), _running_loop()
        if opened.loop is not None and loop is not now:
            first = f"a connection that was opened at {opened.at} in one event loop"
            self.find(LOOP, f"{first} was {done} at {at} in another")

    # Transactions, and who is inside what

    def begin(self, connection: Connection) -> None:
        self._set_begun(connection, begun=True)

    def commit(self, connection: Connection) -> None:
        self._set_begun(connection, begun=False)

    def rollback(self, connection: Connection) -> None:
        self._set_begun(connection, begun=False)

    def _set_begun(self, connection: Connection, *, begun: bool) -> None:
        opened = self.connections.get(connection)
        if opened is not None:
            for taken in opened.taken:
                taken.begun = begun
            self.enter(connection)

    def enter(self, target: Session | Connection) -> None:
        """A greenlet of the running task is inside it until it is dead."""
        inside, use = greenlet.getcurrent(), self.uses.get(target)
        if inside.parent is None or (use is not None and use.inside() is inside):
            return
        if (task := running_task()) is not None:
            if use is not None:
                self.look(target)
            self.uses[target] = Use(weakref.ref(task), weakref.ref(inside))

    def look(self, target: Session | Connection) -> None:
        """Is another task inside it?"""
        use = self.uses.get(target)
        if use is None:
            return
        task, inside, mine = use.task(), use.inside(), running_task()
        if task is None or inside is None or inside.dead or task is mine or mine is None:
            return
        name = "connection" if isinstance(target, Connection) else "session"
        places = f"{waiting(task, inside)}\n    and {here()}"
        known = self.test.findings if self.test else ()
        if not any(each.what.endswith(places) for each in known):  # a session's connection
            self.find(TASKS, f"two tasks used one {name} at once:\n    {places}")

    # The end

    def judge(self, scope: Scope) -> list[Finding]:
        """What a test or a fixture has left behind; what it had taken is forgotten."""
        others = [each for each in scope.taken if each.thread != threading.get_ident()]
        until = time.monotonic() + GRACE
        while not all(each.returned for each in others) and time.monotonic() < until:
            time.sleep(0.01)
        if not all(each.returned for each in scope.taken):
            with _no_warnings():
                gc.collect()  # what is abandoned is seen now, and not in a later test
        found = [_left(each) for each in scope.taken if not each.returned]
        found += [
            Finding(ENGINE, f"the engine made at {each.at} was not disposed")
            for each in scope.engines
            if each.opened and not each.disposed
        ]
        scope.taken.clear()
        scope.engines.clear()
        return [*scope.findings, *dict.fromkeys(found)]


def _left(taken: Taken) -> Finding:
    """Nobody can end it once it is garbage: that is a leak, whatever was begun."""
    if taken.abandoned:
        return Finding(CONNECTION, f"the connection taken at {taken.at} was left to the collector")
    if taken.begun:
        return Finding(TRANSACTION, f"one is open on the connection taken at {taken.at}")
    return Finding(CONNECTION, f"the connection taken at {taken.at} was not given back")


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Of what the plugin says better."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        warnings.simplefilter("ignore", ResourceWarning)
        yield
