"""Hang a watch on SQLAlchemy, and take it off again.

The events of pools are public and cheap, but for reset, which makes an object for each connection
that comes back. Those of sessions are sent for each object. Those of engines cost most: one
listener lets each new Connection look for those of every event, and do_orm_execute lets the session
prepare each query twice. So these public methods are wrapped, in which SQLAlchemy's greenlets run:

- execute(), flush(), commit() and the like of Session, Connection and Transaction: a task is inside
  until the greenlet is dead, and a session that refuses a second task sends no event at all;
- AsyncEngine.__init__ and Engine.dispose(): where an engine was made, and that it was disposed.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Pool, Transaction, event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import Session

from orm_async_tests.pytest_plugin.uses import Uses
from orm_async_tests.pytest_plugin.watch import Watch

POOL = ("connect", "checkout", "checkin", "detach", "close")
ENDS = ("commit", "rollback", "close")
Wrapped = Callable[..., Any]


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Listen to every pool, engine and session of this process."""
    uses = watch.uses
    with ExitStack() as stack:
        for name in POOL:
            _listen(stack, Pool, name, getattr(watch, name))
        for name in ("execute", "scalar", "scalars"):
            _wrap(stack, Session, name, functools.partial(_after, uses.query))
        for name in ("execute", "scalar", "scalars", "exec_driver_sql"):
            _wrap(stack, Connection, name, functools.partial(_after, uses.enter))
        _wrap(stack, Session, "flush", functools.partial(_flushing, uses))
        _wrap(stack, Session, "commit", functools.partial(_committing, uses))
        for name in ("rollback", "close"):
            _wrap(stack, Session, name, functools.partial(_ending, uses.enter))
        for name in ENDS:
            _wrap(stack, Transaction, name, functools.partial(_ending_its, uses.enter))
        _wrap(stack, AsyncEngine, "__init__", functools.partial(_making, watch))
        _wrap(stack, Engine, "dispose", functools.partial(_disposing, watch))
        yield


def _listen(stack: ExitStack, target: type, name: str, listener: Wrapped) -> None:
    event.listen(target, name, listener)
    stack.callback(event.remove, target, name, listener)


def _wrap(stack: ExitStack, owner: type, name: str, wrapped: Callable[[Any], Any]) -> None:
    original = getattr(owner, name)
    setattr(owner, name, functools.wraps(original)(wrapped(original)))
    stack.callback(setattr, owner, name, original)


def _after(seen: Callable[[Any], Any], original: Wrapped) -> Wrapped:
    def call(self: Any, *arguments: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        seen(self)
        return original(self, *arguments, **named)

    return call


def _ending(seen: Callable[[Any], Any], original: Wrapped) -> Wrapped:
    def call(self: Any) -> None:
        __tracebackhide__ = True
        seen(self)
        original(self)

    return call


def _ending_its(seen: Callable[[Any], Any], original: Wrapped) -> Wrapped:
    def call(self: Transaction) -> None:
        __tracebackhide__ = True
        seen(self.connection)
        original(self)

    return call


def _committing(uses: Uses, original: Wrapped) -> Wrapped:
    def commit(self: Session) -> None:
        __tracebackhide__ = True
        uses.write(self) if self._new else uses.enter(self)  # `new`, public, makes a set
        original(self)

    return commit


def _flushing(uses: Uses, original: Wrapped) -> Wrapped:
    def flush(self: Session, objects: Any = None) -> None:
        __tracebackhide__ = True
        pending = list(self._new)
        seen = uses.write(self) if pending else uses.enter(self)
        original(self, objects)
        if pending and seen is not None:
            uses.inserted(seen, pending)

    return flush


def _making(watch: Watch, original: Wrapped) -> Wrapped:
    def __init__(self: AsyncEngine, *arguments: Any, **named: Any) -> None:  # noqa: N807
        original(self, *arguments, **named)
        watch.engine_made(self.sync_engine)

    return __init__


def _disposing(watch: Watch, original: Wrapped) -> Wrapped:
    def dispose(self: Engine, *arguments: Any, **named: Any) -> None:
        old = self.pool
        original(self, *arguments, **named)
        watch.engine_disposed(old, self.pool)

    return dispose
