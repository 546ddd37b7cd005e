"""Hang a watch on SQLAlchemy, and take it off again.

What no public event tells is had by wrapping public methods:

- where an engine was made: AsyncEngine.__init__;
- that a task has called flush(), commit(), rollback() or close() of an AsyncSession while another
  one is inside it: the session refuses, before any event.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import greenlet
from sqlalchemy import Connection, Engine, Pool, event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.orm.attributes import instance_state

from orm_async_tests.pytest_plugin.places import Place, here
from orm_async_tests.pytest_plugin.watch import Watch

POOL = ("connect", "checkout", "checkin", "detach", "reset", "close")
ENGINE = ("engine_connect", "engine_disposed", "begin", "commit", "rollback")
METHODS = ("flush", "commit", "rollback", "close")
Origins = WeakKeyDictionary[Any, Place]  # by an object's InstanceState


@contextmanager
def watching(watch: Watch, origins: Origins) -> Iterator[None]:
    """Listen to every pool, engine and session of this process."""
    listeners: list[tuple[type, str, Callable[..., Any]]]
    listeners = [(Pool, name, getattr(watch, name)) for name in POOL]
    listeners += [(Engine, name, getattr(watch, name)) for name in ENGINE]
    listeners += [
        (Engine, "before_cursor_execute", _before_cursor_execute(watch)),
        *((Session, name, each) for name, each in _of_sessions(watch, origins).items()),
    ]
    with ExitStack() as stack:
        for each in listeners:
            event.listen(*each)
            stack.callback(event.remove, *each)
        _wrap(stack, AsyncEngine, "__init__", functools.partial(_noting, watch))
        for name in METHODS:
            _wrap(stack, AsyncSession, name, functools.partial(_looking, watch))
        yield


def _before_cursor_execute(watch: Watch) -> Callable[..., None]:
    def before_cursor_execute(connection: Connection, *_: Any) -> None:
        watch.enter(connection)

    return before_cursor_execute


def _of_sessions(watch: Watch, origins: Origins) -> dict[str, Callable[..., None]]:
    """What is inside a session, and by which line an object came into it."""
    lines: WeakKeyDictionary[Session, Place] = WeakKeyDictionary()

    latest: tuple[int, Place | None] = (0, None)  # by id: objects are many, and sessions go

    def do_orm_execute(state: ORMExecuteState) -> None:
        before_flush(state.session)

    def before_flush(session: Session, *_: Any) -> None:
        nonlocal latest
        if greenlet.getcurrent().parent is not None:
            lines[session] = line = here()
            latest = (id(session), line)
            watch.enter(session)

    def came(session: Session, instance: object) -> None:
        known, line = latest
        line = line if known == id(session) else lines.get(session)
        if line is not None:
            origins[instance_state(instance)] = line

    return {
        "do_orm_execute": do_orm_execute,
        "before_flush": before_flush,
        "before_commit": watch.enter,
        "loaded_as_persistent": came,
        "pending_to_persistent": came,
    }


def _wrap(stack: ExitStack, owner: type, name: str, wrapped: Callable[[Any], Any]) -> None:
    original = getattr(owner, name)
    setattr(owner, name, functools.wraps(original)(wrapped(original)))
    stack.callback(setattr, owner, name, original)


def _noting(watch: Watch, original: Callable[..., None]) -> Callable[..., None]:
    def __init__(self: AsyncEngine, *arguments: Any, **named: Any) -> None:  # noqa: N807
        original(self, *arguments, **named)
        watch.engine_made(self.sync_engine)

    return __init__


def _looking(watch: Watch, original: Callable[..., Any]) -> Callable[..., Any]:
    async def call(self: AsyncSession, *arguments: Any, **named: Any) -> Any:
        watch.look(self.sync_session)
        return await original(self, *arguments, **named)

    return call
