"""Tracks the connections, engines and sessions of a running test, and reports their misuse.

Five methods of ResourceTracker listen to pool events. A listener, for example `checkout`, has the
name of its event. The tracker does not listen to the pool event `reset`, because SQLAlchemy would
create an object for each event.

The tracker wraps methods of Session, Connection and Transaction, for example `execute()`. The
tracker does not use events of sessions and engines, because they are slow:

- SQLAlchemy calls some listeners, for example for `pending_to_persistent`, once for every object.
- After you add a listener to an engine, each new Connection looks up the listeners of all events.
- After you add a listener for `do_orm_execute`, SQLAlchemy prepares each query twice.

When SQLAlchemy rejects a call from a second task, it sends no session event.

A wrapped method runs in a greenlet of SQLAlchemy, and counts as running until the greenlet ends.
The tracker reports two tasks that run methods of the same object at the same time.

The tracker also wraps `AsyncEngine.__init__()` and `Engine.dispose()`, to find engines that were
not disposed.
"""

import asyncio
import gc
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from sqlalchemy import AdaptedConnection, Connection, Engine, Pool, Transaction, event
from sqlalchemy.exc import SAWarning
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from orm_async_tests.pytest_plugin.findings import (
    CONNECTION,
    ENGINE,
    LOOP,
    TRANSACTION,
    TWO_TASKS,
    Finding,
)
from orm_async_tests.pytest_plugin.source_lines import Location, locate_caller
from orm_async_tests.pytest_plugin.task_usage import (
    TaskUsage,
    has_open_transaction,
    locate_current_call,
)
from orm_async_tests.timeline.engine_hooks import replace_method

GRACE = 5.0  # seconds in which another thread, such as a server's, may return its connections
POOL_EVENTS = ("connect", "checkout", "checkin", "detach", "close")
Method = Callable[..., Any]


@dataclass(eq=False)
class Scope:
    """A test or a fixture that must close what it opens."""

    checkouts: list["Checkout"] = field(default_factory=list)
    engines: list["EngineRecord"] = field(default_factory=list)
    findings: dict[Finding, None] = field(default_factory=dict)  # an ordered set
    ended: bool = False


@dataclass(eq=False)
class EngineRecord:
    """The state of an engine, as its pool events describe it."""

    created_at: Location
    scope: Scope | None
    connections: dict[int, "ConnectionRecord"]  # of the tracker, which gets `connect` first
    disposed: bool = False
    open_entries: set[int] = field(default_factory=set)  # by the id of the pool's entry

    def connect(self, connection: Any, entry: ConnectionPoolEntry) -> None:
        if isinstance(connection, AdaptedConnection):  # synchronous drivers are not tracked
            self.open_entries.add(id(entry))
            self.disposed = False
            if id(entry) in self.connections:  # absent once the tracker has been removed
                self.connections[id(entry)].engine = self

    def close(self, _: Any, entry: ConnectionPoolEntry) -> None:
        self.open_entries.discard(id(entry))


@dataclass(eq=False, slots=True)
class Checkout:
    """One checkout of a connection from its pool."""

    location: Location
    thread: int
    connection: "ConnectionRecord"
    proxy: "weakref.ref[PoolProxiedConnection]"  # the only object that can return it to the pool
    returned: bool = False


@dataclass(eq=False, slots=True)
class ConnectionRecord:
    """A driver's connection, with its event loop and its checkouts."""

    opened_at: Location
    loop: "weakref.ref[asyncio.AbstractEventLoop] | None"
    driver_connection: int  # by id
    engine: EngineRecord | None = None
    checkouts: list[Checkout] = field(default_factory=list)  # a StaticPool allows several


class ResourceTracker:
    """Tracks connections, engines and sessions for each test and fixture."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.test: Scope | None = None
        self.fixtures: list[Scope] = []  # wider fixtures that are being set up, innermost last
        self.pools: MutableMapping[Pool, EngineRecord] = weakref.WeakKeyDictionary()
        self.connections: dict[int, ConnectionRecord] = {}  # by the id of the pool's entry
        self.usage = TaskUsage(self.report_two_tasks)
        self.has_leaks = False

    @property
    def scope(self) -> Scope | None:
        return self.fixtures[-1] if self.fixtures else self.test

    def report(self, kind: str, location: Location, problem: str) -> None:
        if self.test is not None:
            self.test.findings[Finding(kind, str(location), problem)] = None

    def engine_created(self, engine: AsyncEngine, _: object) -> None:
        pool = engine.sync_engine.pool
        if pool in self.pools:  # several AsyncEngines can share one synchronous engine
            return
        record = self.pools[pool] = EngineRecord(locate_caller(), self.scope, self.connections)
        event.listen(pool, "connect", record.connect)
        event.listen(pool, "close", record.close)
        if self.scope is not None:
            self.scope.engines.append(record)

    def engine_disposed(self, engine: Engine, old: Pool) -> None:
        if record := self.pools.get(old):
            record.disposed = True
            self.pools[engine.pool] = record

    def connect(self, connection: Any, entry: ConnectionPoolEntry) -> None:
        if previous := self.connections.pop(id(entry), None):
            for checkout in previous.checkouts:  # a listener rejected the checkout
                checkout.returned = checkout.proxy() is not None
        if isinstance(connection, AdaptedConnection):
            loop = _running_loop()
            self.connections[id(entry)] = ConnectionRecord(
                locate_caller(), weakref.ref(loop) if loop else None, id(connection)
            )

    def checkout(self, _: Any, entry: ConnectionPoolEntry, proxy: PoolProxiedConnection) -> None:
        connection, scope = self.connections.get(id(entry)), self.scope
        if connection is None or scope is None:
            return
        thread = threading.get_ident()
        if thread != self.thread and connection.engine and connection.engine.scope:
            server = connection.engine.scope  # a wider fixture started a server in this thread
            scope = scope if server.ended else server
        location = locate_current_call()
        # From Python 3.15, a weak reference outlives finalizers only if it has a callback.
        checkout = Checkout(location, thread, connection, weakref.ref(proxy, lambda _: None))
        self._check_loop(connection, "used", location)
        connection.checkouts.append(checkout)
        scope.checkouts.append(checkout)

    def checkin(self, _: Any, entry: ConnectionPoolEntry) -> None:
        connection = self.connections.get(id(entry))
        if connection is not None:
            # With a StaticPool, only the first of several users causes this event.
            for checkout in connection.checkouts:
                checkout.returned = True
            connection.checkouts.clear()

    def detach(self, _: Any, entry: ConnectionPoolEntry) -> None:
        connection = self.connections.get(id(entry))
        if connection is not None:
            checkouts = connection.checkouts
            connection.checkouts = [item for item in checkouts if item.proxy() is not None]
            self.checkin(_, entry)

    def close(self, _: Any, entry: ConnectionPoolEntry) -> None:
        connection = self.connections.get(id(entry))
        if connection is not None and _running_loop() is not None:
            self._check_loop(connection, "closed", locate_caller())

    def _check_loop(self, connection: ConnectionRecord, action: str, location: Location) -> None:
        if connection.loop is not None and connection.loop() is not _running_loop():
            origin = f"a connection that one event loop opened at {connection.opened_at}"
            self.report(LOOP, location, f"{origin} was {action} in another loop at {location}")

    def report_two_tasks(self, name: str, waiting: Location, running: Location) -> None:
        """Report that two tasks used a session or a connection at the same time."""
        first, second = str(waiting), str(running)
        places = f", both at {second}" if first == second else f": {first} and {second}"
        # A conflict in a session also occurs in its connection, but is reported once.
        known = self.test.findings if self.test else ()
        if not any(finding.problem.endswith(f"at once{places}") for finding in known):
            self.report(TWO_TASKS, running, f"two tasks used one {name} at once{places}")

    def end_scope(self, scope: Scope) -> list[Finding]:
        """Return the findings about an ended test or fixture, and forget its resources."""
        leaks = []
        if not all(checkout.returned for checkout in scope.checkouts):
            _wait_for_threads(scope.checkouts)
            _collect_garbage()
            open_checkouts = [checkout for checkout in scope.checkouts if not checkout.returned]
            leaks = [self._describe_leak(checkout) for checkout in open_checkouts]
            self.has_leaks = True
        for engine in scope.engines:
            if engine.open_entries and not engine.disposed:
                place = str(engine.created_at)
                problem = f"the engine created at {place} was not disposed"
                leaks.append(Finding(ENGINE, place, problem))
        scope.ended = True
        scope.checkouts.clear()
        scope.engines.clear()
        return [*scope.findings, *dict.fromkeys(leaks)]

    def collect_leaks(self) -> None:
        if self.has_leaks:
            self.has_leaks = False
            _collect_garbage()

    def _describe_leak(self, checkout: Checkout) -> Finding:
        location = str(checkout.location)
        origin = f"the connection checked out at {location}"
        if checkout.proxy() is None:
            problem = f"{origin} was left to the garbage collector"
        elif has_open_transaction(checkout.connection.driver_connection):
            return Finding(TRANSACTION, location, f"{origin} has a transaction open")
        else:
            problem = f"{origin} was not returned to the pool"
        return Finding(CONNECTION, location, problem)


def _wait_for_threads(checkouts: list[Checkout]) -> None:
    thread = threading.get_ident()
    foreign = [checkout for checkout in checkouts if checkout.thread != thread]
    deadline = time.monotonic() + GRACE
    while not all(checkout.returned for checkout in foreign) and time.monotonic() < deadline:
        time.sleep(0.01)


def _collect_garbage() -> None:
    """Collect leaked connections now, because otherwise a later test would collect them."""
    with warnings.catch_warnings():  # the plugin itself reports leaks
        warnings.simplefilter("ignore", SAWarning)
        warnings.simplefilter("ignore", ResourceWarning)
        for _ in range(2):  # SQLAlchemy's finalizer of a connection releases more garbage
            gc.collect()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


@contextmanager
def instrument(tracker: ResourceTracker) -> Iterator[None]:
    usage = tracker.usage
    with ExitStack() as stack:
        for name in POOL_EVENTS:
            listener = getattr(tracker, name)
            event.listen(Pool, name, listener)
            stack.callback(event.remove, Pool, name, listener)
        for owner, names, record in (
            (Session, ("execute", "scalar", "scalars"), usage.record_query),
            (Session, ("rollback", "close"), usage.record_call),
            (Session, ("commit",), usage.record_write),
            (Connection, ("execute", "scalar", "scalars", "exec_driver_sql"), usage.record_call),
            (Transaction, ("commit", "rollback", "close"), usage.record_end),
        ):
            for name in names:
                replace_method(stack, owner, name, _record_before, record)
        replace_method(
            stack, Session, "flush", _record_around, usage.begin_flush, usage.record_inserts
        )
        created, disposed = tracker.engine_created, tracker.engine_disposed
        replace_method(stack, AsyncEngine, "__init__", _record_around, id, created)
        replace_method(stack, Engine, "dispose", _record_around, attrgetter("pool"), disposed)
        yield


def _record_before(original: Method, record: Method) -> Method:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        record(self)
        return original(self, *args, **kwargs)

    return call


def _record_around(original: Method, before: Method, after: Method) -> Method:
    def call(self: Any, *args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        state = before(self)
        original(self, *args, **kwargs)
        after(self, state)

    return call
