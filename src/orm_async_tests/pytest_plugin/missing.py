"""Say of a MissingGreenlet which attribute it was about, and where its object came from."""

from collections.abc import Iterator

from sqlalchemy import inspect
from sqlalchemy.exc import MissingGreenlet, StatementError
from sqlalchemy.orm import InstrumentedAttribute, Session

from orm_async_tests.pytest_plugin.uses import Uses

START = "async-orm: "
EXPIRED = "was expired (orm-async-tests explain 6, 7, 8)"
NEVER = "was never loaded (orm-async-tests explain 5)"


def explain(error: BaseException, uses: Uses) -> None:
    """Add a note to each MissingGreenlet among an error, its causes and the parts of a group."""
    for each in _all(error, set()):
        noted = any(note.startswith(START) for note in getattr(each, "__notes__", ()))
        if _is_missing(each) and not noted and (note := _note(each, uses)):
            each.add_note(START + note)


def _is_missing(error: BaseException) -> bool:
    """Some drivers' adapters need the bridge so early that SQLAlchemy wraps the error."""
    found = error.orig if isinstance(error, StatementError) else error
    return isinstance(found, MissingGreenlet)


def _all(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    yield from _all(error.__cause__, seen)
    yield from _all(error.__context__, seen)
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _all(each, seen)


def _note(error: BaseException, uses: Uses) -> str:
    """What the traceback's frames hold, which is not public: the attribute and its object.

    `__get__` of an attribute has `self` and `instance`; what was expired is loaded by
    `_load_expired`. The state itself may have changed since, by a rollback on the way here.
    """
    attribute, instance, session, state = None, None, None, NEVER
    step = error.__traceback__
    while step is not None:
        name, found = step.tb_frame.f_code.co_name, step.tb_frame.f_locals
        if name == "__get__" and isinstance(found.get("self"), InstrumentedAttribute):
            attribute, instance, state = found["self"], found["instance"], NEVER
        elif name == "_load_expired":
            state = EXPIRED
        if isinstance(found.get("session"), Session):
            session = found["session"]  # the object may have left it since
        step = step.tb_next
    if attribute is None:
        return ""
    owner = type(instance).__name__
    line = uses.origin(session, inspect(instance))
    came = f"; this {owner} came from {line}" if line else ""
    return f"{owner}.{attribute.key} {state}{came}"
