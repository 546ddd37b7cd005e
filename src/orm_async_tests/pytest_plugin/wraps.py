"""Hang a watch on SQLAlchemy, and take it off again.

The events of pools and sessions are public and cheap. Those of engines are not: one listener lets
each new Connection look for those of every event, and do_orm_execute lets the session prepare each
query twice. So these public methods are wrapped instead, in which SQLAlchemy's greenlets run:

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

from orm_async_tests.pytest_plugin.watch import Watch

POOL = ("connect", "checkout", "checkin", "detach", "reset", "close")
ENDS = ("commit", "rollback", "close")
Wrapped = Callable[..., Any]


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Listen to every pool, engine and session of this process."""
    uses = watch.uses
    with ExitStack() as stack:
        for name in POOL:
            _listen(stack, Pool, name, getattr(watch, name))
        _listen(stack, Session, "before_flush", uses.flush)
        _listen(stack, Session, "pending_to_persistent", uses.inserted, raw=True)
        for name in ("execute", "scalar", "scalars"):
            _wrap(stack, Session, name, functools.partial(_within, uses.query, uses.left))
        for name in ("flush", *ENDS):
            _wrap(stack, Session, name, functools.partial(_within, uses.enter, uses.left))
        for name in ("execute", "scalar", "scalars", "exec_driver_sql"):
            _wrap(stack, Connection, name, functools.partial(_after, uses.enter))
        for name in ENDS:
            _wrap(stack, Transaction, name, functools.partial(_ending, watch))
        _wrap(stack, AsyncEngine, "__init__", functools.partial(_making, watch))
        _wrap(stack, Engine, "dispose", functools.partial(_disposing, watch))
        yield


def _listen(stack: ExitStack, target: type, name: str, listener: Wrapped, **options: bool) -> None:
    event.listen(target, name, listener, **options)
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


def _within(seen: Callable[[Any], Any], left: Callable[[], None], original: Wrapped) -> Wrapped:
    def call(self: Any, *arguments: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        seen(self)
        try:
            return original(self, *arguments, **named)
        finally:
            left()

    return call


def _ending(watch: Watch, original: Wrapped) -> Wrapped:
    enter = watch.uses.enter

    def call(self: Transaction) -> None:
        __tracebackhide__ = True
        enter(self.connection)
        original(self)

    return call


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
