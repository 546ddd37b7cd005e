"""What one way did, as a check sees it."""

from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncEngine

Kind = Literal["wrong", "right", "way"]


@dataclass
class Seen:
    """What one way did; the defaults describe a way that did nothing.

    sql: the statements that the server answered; log: the same with BEGIN, COMMIT and ROLLBACK as
    SQLAlchemy meant them. For each entry of log, lanes: which of the transactions open at that
    moment sent it; refused: the SQLSTATE with which the server refused it, or "".
    round_trips: counted on the wire, if counted is true.
    leaked: pool slots still checked out at the end. tasks: left running, or given up unfinished.
    warnings: names of categories; warned: what they say. first: seconds until the first item of an
    async generator; peak: most bytes that Python held while it ran.
    """

    kind: Kind = "way"
    value: Any = None
    error: Any = None  # a check reads the attributes of many classes
    sql: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    lanes: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    round_trips: int = 0
    counted: bool = False
    seconds: float = 0.0
    leaked: int = 0
    warnings: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    unhandled: list[str] = field(default_factory=list)
    tasks: int = 0
    first: float = 0.0
    peak: int = 0

    @property
    def code(self) -> str | None:
        """The error's stable code in SQLAlchemy's documentation, such as xd2s."""
        return getattr(self.error, "code", None)

    @property
    def sqlstate(self) -> str | None:
        """The error's SQLSTATE, wherever the driver and SQLAlchemy put it."""
        return sqlstate(self.error)


def sqlstate(error: BaseException | None) -> str | None:
    """PostgreSQL's five characters for error, found on it or on the driver's error inside it."""
    for each in (error, getattr(error, "orig", None), getattr(error, "__cause__", None)):
        found = getattr(each, "sqlstate", None)
        if isinstance(found, str):
            return found
    return None


def checked_out(engine: AsyncEngine) -> int:
    """How many connections of the engine's pool are in use."""
    count: int = getattr(engine.pool, "checkedout", int)()  # NullPool does not count
    return count
