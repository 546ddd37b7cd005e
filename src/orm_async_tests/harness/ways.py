"""What a script is made of: ways that do something, and what was seen of each."""

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar, overload

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

Way = TypeVar("Way", bound=Callable[..., Any])
MakeEngine = Callable[..., AsyncEngine]  # what `make_engine` is to a way
Sessions = Callable[[], AbstractAsyncContextManager[AsyncSession]]  # what `Session` is to a way


@dataclass(frozen=True)
class Terms:
    """How a way is to be run, and what it may leave behind without breaking its script.

    engine: options of create_async_engine. warns, unhandled, leaks, tasks: the way is about a
    warning, an error that nobody retrieves or that is only logged, a connection that is not given
    back, a task that is left; then `check` judges them, else any of them breaks the script.
    """

    kind: str
    engine: Mapping[str, Any] = field(default_factory=dict)
    warns: bool = False
    unhandled: bool = False
    leaks: bool = False
    tasks: bool = False


@dataclass
class Seen:
    """What one way did. A blank one is a way that did nothing.

    sql: the statements that the server answered; log: the same with BEGIN, COMMIT and ROLLBACK as
    SQLAlchemy meant them. For each entry of log, lanes: which of the transactions open at that
    moment sent it; refused: the SQLSTATE with which the server refused it, or "".
    round_trips: counted on the wire, None where it cannot be watched.
    leaked: pool slots still checked out at the end. tasks: left running, or given up unfinished.
    warnings: names of categories. first: seconds
    until the first item of an async generator; peak: most bytes that Python held while it ran.
    """

    kind: str = "way"
    value: Any = None
    error: Any = None
    sql: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    lanes: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    round_trips: Any = None
    seconds: float = 0.0
    leaked: int = 0
    warnings: list[str] = field(default_factory=list)
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


class Mark:
    """The decorator of one kind of way; named arguments are those of Terms."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    @overload
    def __call__(self, function: Way, /) -> Way: ...

    @overload
    def __call__(self, /, **terms: Any) -> "Mark": ...

    def __call__(self, function: Callable[..., Any] | None = None, /, **terms: Any) -> Any:
        def keep(function: Way) -> Way:
            vars(function)["terms"] = Terms(self._kind, **terms)
            return function

        return keep if function is None else keep(function)


wrong = Mark("wrong")
right = Mark("right")
way = Mark("way")


def ways(script: ModuleType) -> dict[str, Callable[..., Any]]:
    """The ways of a script by name, in the order in which they are written."""
    functions = {name: each for name, each in vars(script).items() if inspect.isfunction(each)}
    return {name: each for name, each in functions.items() if "terms" in vars(each)}


def checked_out(engine: AsyncEngine) -> int:
    """How many connections of the engine's pool are in use."""
    count: int = getattr(engine.pool, "checkedout", int)()  # NullPool does not count
    return count


def terms(function: Callable[..., Any]) -> Terms:
    """What a way's decorator said."""
    kept: Terms = vars(function)["terms"]
    return kept


def called_with(function: Callable[..., Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    """Of what is offered, what the function's signature asks for by name.

    Raises TypeError if it asks for something that nobody offers.
    """
    wanted = inspect.signature(function).parameters
    unknown = [name for name in wanted if name not in offered]
    if unknown:
        raise TypeError(
            f"{function.__qualname__} asks for {unknown}, offered are {sorted(offered)}"
        )
    return {name: offered[name] for name in wanted}
