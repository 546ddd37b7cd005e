"""Wrap methods of SQLAlchemy and listen to its events for a tracker, and undo both at the end.

The plugin listens to the pool's public events. These events cost little time, except `reset`, which
creates an object for every connection that is returned.

The plugin uses no events of sessions and engines, because they cost more time. Session events cost
one call for every object. With one listener of an engine, each new Connection looks up the
listeners of every event. With a listener of `do_orm_execute`, the session prepares each query
twice. A session that rejects the call of a second task sends no event at all.

Instead of these events, the plugin wraps execute(), flush(), commit() and similar public methods of
Session, Connection and Transaction, which SQLAlchemy runs in a greenlet. A task counts as inside a
wrapped method until the greenlet has ended.

The plugin also wraps AsyncEngine.__init__() and Engine.dispose(), so that it knows where an engine
was created and whether the engine was disposed.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Pool, Transaction, event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import Session

from orm_async_tests.pytest_plugin.resource_tracker import ResourceTracker
from orm_async_tests.pytest_plugin.task_usage import TaskUsage

POOL_EVENTS = ("connect", "checkout", "checkin", "detach", "close")
TRANSACTION_ENDS = ("commit", "rollback", "close")
Method = Callable[..., Any]


@contextmanager
def instrument(tracker: ResourceTracker) -> Iterator[None]:
    """Watch every pool, engine and session of this process while the block runs."""
    usage = tracker.usage
    with ExitStack() as stack:
        for name in POOL_EVENTS:
            _listen(stack, Pool, name, getattr(tracker, name))
        for name in ("execute", "scalar", "scalars"):
            _wrap(stack, Session, name, functools.partial(_wrap_call, usage.record_query))
        for name in ("execute", "scalar", "scalars", "exec_driver_sql"):
            _wrap(stack, Connection, name, functools.partial(_wrap_call, usage.record_call))
        _wrap(stack, Session, "flush", functools.partial(_wrap_flush, usage))
        _wrap(stack, Session, "commit", functools.partial(_wrap_commit, usage))
        for name in ("rollback", "close"):
            _wrap(stack, Session, name, functools.partial(_wrap_end, usage.record_call))
        for name in TRANSACTION_ENDS:
            wrapper = functools.partial(_wrap_end_of_transaction, usage.record_call)
            _wrap(stack, Transaction, name, wrapper)
        _wrap(stack, AsyncEngine, "__init__", functools.partial(_wrap_init, tracker))
        _wrap(stack, Engine, "dispose", functools.partial(_wrap_dispose, tracker))
        yield


def _listen(stack: ExitStack, target: type, name: str, listener: Method) -> None:
    event.listen(target, name, listener)
    stack.callback(event.remove, target, name, listener)


def _wrap(stack: ExitStack, owner: type, name: str, wrapper: Callable[[Any], Any]) -> None:
    original = getattr(owner, name)
    setattr(owner, name, functools.wraps(original)(wrapper(original)))
    stack.callback(setattr, owner, name, original)


def _wrap_call(record: Callable[[Any], Any], original: Method) -> Method:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        record(self)
        return original(self, *args, **kwargs)

    return call


def _wrap_end(record: Callable[[Any], Any], original: Method) -> Method:
    def call(self: Any) -> None:
        __tracebackhide__ = True
        record(self)
        original(self)

    return call


def _wrap_end_of_transaction(record: Callable[[Any], Any], original: Method) -> Method:
    def call(self: Transaction) -> None:
        __tracebackhide__ = True
        record(self.connection)
        original(self)

    return call


def _wrap_commit(usage: TaskUsage, original: Method) -> Method:
    def commit(self: Session) -> None:
        __tracebackhide__ = True
        # the public `new` builds a set
        usage.record_write(self) if self._new else usage.record_call(self)
        original(self)

    return commit


def _wrap_flush(usage: TaskUsage, original: Method) -> Method:
    def flush(self: Session, objects: Any = None) -> None:
        __tracebackhide__ = True
        pending = list(self._new)
        caller = usage.record_write(self) if pending else usage.record_call(self)
        original(self, objects)
        if pending and caller is not None:
            usage.record_inserts(caller, pending)

    return flush


def _wrap_init(tracker: ResourceTracker, original: Method) -> Method:
    def __init__(self: AsyncEngine, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        original(self, *args, **kwargs)
        tracker.engine_created(self.sync_engine)

    return __init__


def _wrap_dispose(tracker: ResourceTracker, original: Method) -> Method:
    def dispose(self: Engine, *args: Any, **kwargs: Any) -> None:
        old = self.pool
        original(self, *args, **kwargs)
        tracker.engine_disposed(old, self.pool)

    return dispose
