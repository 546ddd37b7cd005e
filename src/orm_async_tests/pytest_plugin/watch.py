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

from sqlalchemy import AdaptedConnection, Engine, Pool, event
from sqlalchemy.exc import SAWarning
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from orm_async_tests.pytest_plugin.findings import (
    CONNECTION,
    ENGINE,
    LOOP,
    TASKS,
    TRANSACTION,
    Finding,
)
from orm_async_tests.pytest_plugin.places import Place, here
from orm_async_tests.pytest_plugin.uses import Uses

GRACE = 5.0  # seconds in which another thread, as a server's, may give its connections back


@dataclass(eq=False)
class Scope:
    """A test, or a fixture that outlives it: what was opened in it has to be closed at its end."""

    name: str
    taken: list["Taken"] = field(default_factory=list)
    engines: list["Made"] = field(default_factory=list)
    findings: dict[Finding, None] = field(default_factory=dict)  # in order, each once
    ended: bool = False


@dataclass(eq=False)
class Made:
    """An engine, from its first line to dispose(); it listens to the engine's own pools."""

    at: Place
    scope: Scope | None
    entries: dict[int, "Opened"]  # the watch's, which has seen a connection before this does
    disposed: bool = False
    opened: set[int] = field(default_factory=set)  # the ids of pools' entries

    def connect(self, connection: Any, entry: ConnectionPoolEntry) -> None:
        if isinstance(connection, AdaptedConnection):  # a synchronous driver is not watched
            self.opened.add(id(entry))
            self.disposed = False
            if id(entry) in self.entries:  # not after the watch has ended
                self.entries[id(entry)].engine = self

    def close(self, _: Any, entry: ConnectionPoolEntry) -> None:
        self.opened.discard(id(entry))


@dataclass(eq=False, slots=True)
class Taken:
    """A connection that was taken from the pool."""

    at: Place
    thread: int
    opened: "Opened"
    proxy: "weakref.ref[PoolProxiedConnection]"  # the pool's, by which it is given back
    returned: bool = False


@dataclass(eq=False, slots=True)
class Opened:
    """A driver's connection in a pool, with the loop that opened it."""

    at: Place
    loop: "weakref.ref[asyncio.AbstractEventLoop] | None"
    driver: int  # the driver's connection, by its id
    engine: Made | None = None
    taken: list[Taken] = field(default_factory=list)  # more than one from a StaticPool


class Watch:
    """Listens for one run of pytest; its methods are named like the events."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.test: Scope | None = None
        self.scopes: list[Scope] = []  # the innermost fixture that is being set up is the last
        self.pools: MutableMapping[Pool, Made] = weakref.WeakKeyDictionary()
        self.entries: dict[int, Opened] = {}  # by id: connect comes before all else
        self.uses = Uses(self.tasks_met)

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
        if engine.pool in self.pools:
            return
        made = self.pools[engine.pool] = Made(here(), self.scope, self.entries)
        for name in ("connect", "close"):
            event.listen(engine.pool, name, getattr(made, name))
        if self.scope is not None:
            self.scope.engines.append(made)

    def engine_disposed(self, old: Pool, new: Pool) -> None:
        """The listeners of the old pool are the new one's too."""
        made = self.pools.get(old)
        if made is not None:
            made.disposed = True
            self.pools[new] = made

    # Pools

    def connect(self, connection: Any, entry: ConnectionPoolEntry) -> None:
        gone = self.entries.pop(id(entry), None)
        for taken in gone.taken if gone else ():  # a listener of checkout has refused it
            taken.returned = taken.proxy() is not None
        if isinstance(connection, AdaptedConnection):
            loop = _running_loop()
            loop_or_none = weakref.ref(loop) if loop else None
            self.entries[id(entry)] = Opened(here(), loop_or_none, id(connection))

    def checkout(self, _: Any, entry: ConnectionPoolEntry, proxy: PoolProxiedConnection) -> None:
        opened, scope = self.entries.get(id(entry)), self.scopes[-1] if self.scopes else self.test
        if opened is None or scope is None:
            return
        thread, own = threading.get_ident(), weakref.ref(proxy, _gone)
        if thread != self.thread and opened.engine and opened.engine.scope:
            served = opened.engine.scope  # a server's, which a wider fixture has started
            scope = scope if served.ended else served
        taken = Taken(self.uses.line(), thread, opened, own)
        self._in_its_loop(opened, "used", taken.at)
        opened.taken.append(taken)
        scope.taken.append(taken)

    def checkin(self, _: Any, entry: ConnectionPoolEntry) -> None:
        opened = self.entries.get(id(entry))
        if opened is not None and opened.taken:
            opened.taken.pop(0).returned = True

    def detach(self, _: Any, entry: ConnectionPoolEntry) -> None:
        """It is the user's own now, and no longer the pool's; or the collector has found it."""
        opened = self.entries.get(id(entry))
        if opened is not None:
            opened.taken = [each for each in opened.taken if each.proxy() is not None]
            self.checkin(_, entry)

    def close(self, _: Any, entry: ConnectionPoolEntry) -> None:
        opened = self.entries.get(id(entry))
        if opened is not None and _running_loop() is not None:
            self._in_its_loop(opened, "closed", here())

    def _in_its_loop(self, opened: Opened, done: str, at: Place) -> None:
        if opened.loop is not None and opened.loop() is not _running_loop():
            first = f"a connection that was opened at {opened.at} in one event loop"
            self.find(LOOP, f"{first} was {done} at {at} in another")

    # Tasks

    def tasks_met(self, name: str, places: str) -> None:
        """A session's connection meets what the session has met."""
        known = self.test.findings if self.test else ()
        if not any(each.what.endswith(places) for each in known):
            self.find(TASKS, f"two tasks used one {name} at once:\n    {places}")

    # The end

    def judge(self, scope: Scope) -> list[Finding]:
        """What a test or a fixture has left behind; what it had taken is forgotten."""
        found = []
        if [each for each in scope.taken if not each.returned]:
            _wait([each for each in scope.taken if each.thread != threading.get_ident()])
            with _no_warnings():
                gc.collect()  # what is abandoned is seen now, and not in a later test
            found = [self._left(each) for each in scope.taken if not each.returned]
        found += [
            Finding(ENGINE, f"the engine made at {each.at} was not disposed")
            for each in scope.engines
            if each.opened and not each.disposed
        ]
        scope.ended = True
        scope.taken.clear()
        scope.engines.clear()
        return [*scope.findings, *dict.fromkeys(found)]

    def _left(self, taken: Taken) -> Finding:
        """Nobody can end it once it is garbage: that is a leak, whatever was begun."""
        if taken.proxy() is None:
            what = f"the connection taken at {taken.at} was left to the collector"
            return Finding(CONNECTION, what)
        if self.uses.begun(taken.opened.driver):
            return Finding(TRANSACTION, f"one is open on the connection taken at {taken.at}")
        return Finding(CONNECTION, f"the connection taken at {taken.at} was not given back")


def _gone(_: Any) -> None:
    """Of a weak reference that is dead before finalizers run: from Python 3.15 on only with it."""


def _wait(others: list[Taken]) -> None:
    """For the threads that have them."""
    until = time.monotonic() + GRACE
    while not all(each.returned for each in others) and time.monotonic() < until:
        time.sleep(0.01)


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
