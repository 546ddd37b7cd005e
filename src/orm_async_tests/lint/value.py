"""Defines what the checker knows about the value of an expression."""

from typing import NamedTuple

from orm_async_tests.lint import sqlalchemy_types as sa


class Value(NamedTuple):
    """The value of an expression.

    The field `kind` has one of these values:

    - "class", "instance", "function" or "module"
    - "method": a method of SQLAlchemy
    - "external": any other name of a library
    - "await", "enter", "item" or "call": an awaitable, a context manager, an iterable or a callable
      that wraps another value
    """

    kind: str
    name: str = ""
    module: str = ""
    """For a class or function of the project, the path of its module."""

    inner: "Value | None" = None
    """The wrapped value, the receiver of a method, or the project's subclass of a known class."""

    parts: tuple["Value | None", ...] = ()
    """The items of a tuple, or the function that a call to partial() binds."""

    def is_a(self, *names: str) -> bool:
        return self.kind == "instance" and not self.module and self.name in names

    @property
    def is_session(self) -> bool:
        return self.kind == "instance" and not self.module and self.name in sa.CONVERSATIONS


def union(values: list[Value | None]) -> Value | None:
    """Return the first known value, or None if the known values differ.

    All sessions and connections count as equal.
    """
    known = [value for value in values if value is not None]
    if not known:
        return None
    first = known[0]
    is_one = len(known) == 1 or all(value == first for value in known)
    return first if is_one or all(value.is_session for value in known) else None
