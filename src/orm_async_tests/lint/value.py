"""Values: what an expression stands for."""

from dataclasses import dataclass

from orm_async_tests.lint import sqlalchemy_types as sa


@dataclass(frozen=True)
class Value:
    """What an expression stands for.

    `kind` is "instance" or "class" (of `name`), "function", "module", "method" (of SQLAlchemy),
    "external" (a name of another library), or a wrapper of `inner`: "enter" (a context manager),
    "item" (a collection), "await" and "call".
    """

    kind: str
    name: str = ""
    module: str = ""
    """The path of the module of a class or function of the project."""

    inner: "Value | None" = None
    """The wrapped value, the receiver of a method, or the project's subclass of a known class."""

    parts: tuple["Value | None", ...] = ()
    """The items of a tuple."""

    def is_a(self, *names: str) -> bool:
        """Return whether this is an instance of a class of SQLAlchemy."""
        return self.kind == "instance" and not self.module and self.name in names

    @property
    def is_session(self) -> bool:
        return self.is_a(*sa.CONVERSATIONS)


def union(values: list[Value | None]) -> Value | None:
    """Return the only value among these, or the first if all are sessions or connections."""
    known = list(dict.fromkeys(value for value in values if value is not None))
    if len(known) <= 1 or all(value.is_session for value in known):
        return known[0] if known else None
    return None
