"""Defines Observation, the result of running a variant, which the `check` of a script reads."""

from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.timeline.event_list import Event

Kind = Literal["wrong", "right", "variant"]


@dataclass
class Observation:
    """What a variant produced when it ran. The default values describe a variant that did
    nothing.
    """

    kind: Kind = "variant"
    value: Any = None
    error: Any = None  # checks read attributes of many exception classes
    sql: list[str] = field(default_factory=list)  # statements that the server answered
    log: list[str] = field(default_factory=list)  # the same, with BEGIN, COMMIT and ROLLBACK
    # Of each line of log: which of the transactions that were open then sent it.
    transaction_ids: list[int] = field(default_factory=list)
    # Of each line of log: the SQLSTATE with which the server refused it, or "".
    sqlstates: list[str] = field(default_factory=list)
    # What tasks and connections did, in the order in which it began.
    events: list[Event] = field(default_factory=list)
    round_trips: int = 0  # counted on the wire if `counted`
    counted: bool = False
    seconds: float = 0.0
    leaked: int = 0  # connections that are still checked out at the end
    warnings: list[str] = field(default_factory=list)  # names of warning categories
    warning_messages: list[str] = field(default_factory=list)
    unhandled: list[str] = field(default_factory=list)  # errors that were only logged or lost
    tasks: int = 0  # tasks still running at the end, or garbage-collected unfinished
    seconds_to_first: float = 0.0  # until the first item of an async generator
    peak_bytes: int = 0  # most memory that Python held while an async generator ran

    @property
    def code(self) -> str | None:
        """The code of the error in SQLAlchemy's documentation, for example "xd2s"."""
        return getattr(self.error, "code", None)

    @property
    def sqlstate(self) -> str | None:
        """The error's SQLSTATE."""
        return sqlstate(self.error)


def sqlstate(error: BaseException | None) -> str | None:
    """Return the SQLSTATE of an error, of the driver's error that it wraps, or of its cause."""
    for source in (error, getattr(error, "orig", None), getattr(error, "__cause__", None)):
        state = getattr(source, "sqlstate", None)
        if isinstance(state, str):
            return state
    return None


def checked_out(engine: AsyncEngine) -> int:
    """Return how many connections of the engine's pool are checked out. The result for a NullPool
    is 0.
    """
    count: int = getattr(engine.pool, "checkedout", int)()
    return count
