"""Adds a note to a MissingGreenlet error.

The note says which attribute was read, and where its object was loaded.
"""

from collections.abc import Iterator
from traceback import walk_tb
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.exc import MissingGreenlet, StatementError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstanceState, InstrumentedAttribute, Session

from orm_async_tests.pytest_plugin.task_usage import find_origin

PREFIX = "async-orm: "
EXPIRED = "was expired (orm-async-tests explain 6, 7, 8)"
NEVER_LOADED = "was never loaded (orm-async-tests explain 5)"


def add_notes(error: BaseException) -> None:
    """Add notes to an error, to its causes, and to the members of an exception group.

    A validation error of pydantic gets a note if it hides a MissingGreenlet.
    """
    for cause in _walk_causes(error, set()):
        if any(note.startswith(PREFIX) for note in getattr(cause, "__notes__", ())):
            continue
        original = cause.orig if isinstance(cause, StatementError) else cause  # the driver's error
        is_missing_greenlet = isinstance(original, MissingGreenlet)
        note = _describe_traceback(cause) if is_missing_greenlet else ""
        for line in [note] if note else dict.fromkeys(_describe_validation(cause)):
            cause.add_note(PREFIX + line)


def _walk_causes(error: BaseException | None, seen_ids: set[int]) -> Iterator[BaseException]:
    if error is None or id(error) in seen_ids:
        return
    seen_ids.add(id(error))
    yield error
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for cause in (error.__cause__, error.__context__, *parts):
        yield from _walk_causes(cause, seen_ids)


def _describe_traceback(error: BaseException) -> str:
    """Describe the attribute that was being read when the error occurred.

    Search the frames of the traceback, because the object's state may have changed since the error.
    """
    attribute, instance, session, problem = None, None, None, NEVER_LOADED
    for frame, _ in walk_tb(error.__traceback__):
        name, variables = frame.f_code.co_name, frame.f_locals
        if name == "__get__" and isinstance(variables.get("self"), InstrumentedAttribute):
            attribute, instance = variables["self"], variables["instance"]
            problem = NEVER_LOADED
        elif name == "_load_expired":
            problem = EXPIRED
        if isinstance(variables.get("session"), Session):
            session = variables["session"]  # the object may have left the session
    if attribute is None:
        return ""
    return _describe(attribute.key, inspect(instance), session, problem)


def _describe_validation(error: BaseException) -> Iterator[str]:
    """Describe the attributes that pydantic could not read.

    A validation error contains the text of the MissingGreenlet, but not its traceback.
    """
    read_errors: Any = getattr(error, "errors", None)
    if not type(error).__module__.startswith(("pydantic", "fastapi")) or read_errors is None:
        return
    for entry in read_errors():
        if entry.get("type") == "get_attribute_error" and "MissingGreenlet" in entry["msg"]:
            state: Any = inspect(entry.get("input"), raiseerr=False)
            key = str(entry["loc"][-1])
            if isinstance(state, InstanceState) and key in state.mapper.attrs:
                problem = EXPIRED if key in state.expired_attributes else NEVER_LOADED
                session = state.session or _find_only_session(error)
                yield _describe(key, state, session, problem)


def _find_only_session(error: BaseException) -> Session | None:
    """Return the only session in the traceback, or None."""
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    values = (value for frame in frames for value in frame.f_locals.values())
    # isinstance() would wake lazy proxies.
    sessions = {value.sync_session for value in values if issubclass(type(value), AsyncSession)}
    return sessions.pop() if len(sessions) == 1 else None


def _describe(key: str, state: InstanceState[Any], session: Session | None, problem: str) -> str:
    owner = state.class_.__name__
    line = find_origin(session, state)
    return f"{owner}.{key} {problem}" + (f"; this {owner} came from {line}" if line else "")
