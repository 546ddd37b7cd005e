"""Defines what the checker knows about the value of an expression."""

from typing import NamedTuple

from orm_async_tests.lint import sqlalchemy_types as sa


class Value(NamedTuple):
    """The value of an expression.

    The field `name` is the name of a class, function or module. The field `kind` is "class" for a
    class and "instance" for an instance of the class. Other kinds are "function", "module",
    "method" for a method of SQLAlchemy, and "external" for a name of another library.

    The kinds "await", "enter", "item" and "call" mean that an `await`, a `with`, a `for` or a call
    of the value gives the value `inner`.
    """

    kind: str
    name: str = ""
    module: str = ""
    """The path of the module of a class or function of the project."""

    inner: "Value | None" = None
    """The wrapped value, the receiver of a method, or the project's subclass of a known class."""

    parts: tuple["Value | None", ...] = ()
    """The items of a tuple, or the function that a call of partial() binds."""

    def is_a(self, *names: str) -> bool:
        return self.kind == "instance" and not self.module and self.name in names

    @property
    def is_session(self) -> bool:
        return self.kind == "instance" and not self.module and self.name in sa.CONVERSATIONS


def union(values: list[Value | None]) -> Value | None:
    """Return the common value of all known values. Of several sessions or connections, return the
    first.
    """
    known = [value for value in values if value is not None]
    if not known:
        return None
    first = known[0]
    is_one = len(known) == 1 or all(value == first for value in known)
    return first if is_one or all(value.is_session for value in known) else None
