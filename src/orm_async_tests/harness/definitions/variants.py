"""Defines variants, observations, and the options of scripts."""

import inspect
import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, overload

from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.db import sqlstate
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.timeline.event_list import Event

Kind = Literal["wrong", "right", "variant"]
LARGEST = 10_000_000  # the most rows that a script inserts


@dataclass(frozen=True)
class Variant:
    """A function that does a script's work in one way.

    Warnings, unhandled errors, leaked connections and running tasks make the script BROKEN, unless
    the decorator allows them, for example `@wrong(leaks=True)`.
    """

    function: Callable[..., Any]
    kind: Kind
    engine: Mapping[str, Any] = field(default_factory=dict)  # options of create_async_engine()
    standby: Mapping[str, str] = field(default_factory=dict)  # settings of the hot standby
    warns: bool = False  # whether the variant may cause warnings
    unhandled: bool = False  # whether errors may be lost, or appear only in a log
    leaks: bool = False  # whether a connection may stay checked out
    tasks: bool = False  # whether a task may still run at the end

    def __call__(self, *arguments: Any, **named: Any) -> Any:  # one variant may call another
        return self.function(*arguments, **named)

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def label(self) -> str:
        return " ".join((inspect.getdoc(self.function) or "").split())

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(inspect.signature(self.function).parameters)


@dataclass(frozen=True)
class Mark:
    """A decorator that turns a function into a variant.

    The arguments of the decorator are fields of the class Variant, for example `leaks=True`.
    """

    kind: Kind

    @overload
    def __call__(self, function: Callable[..., Any], /) -> Variant: ...

    @overload
    def __call__(self, /, **terms: Any) -> Callable[[Callable[..., Any]], Variant]: ...

    def __call__(self, function: Callable[..., Any] | None = None, /, **terms: Any) -> Any:
        if function is not None:
            return Variant(function, self.kind)
        return lambda function: Variant(function, self.kind, **terms)


wrong, right, variant = Mark("wrong"), Mark("right"), Mark("variant")


def select_arguments(function: Callable[..., Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    wanted = inspect.signature(function).parameters
    if unknown := ", ".join(name for name in wanted if name not in offered):
        problem = f"the function {function.__name__} has parameters with unknown names: {unknown}"
        code = function.__code__
        where = f"{code.co_filename}:{code.co_firstlineno}"
        raise CouldNotRun(problem, where, f"use some of the names {', '.join(sorted(offered))}")
    return {name: offered[name] for name in wanted}


@dataclass(frozen=True)
class Option:
    """A command-line option of one script, for example `--rows 10000`.

    Variants and `check` get the value of an option in a parameter with the option's name. The
    function `parse` converts a text to a value, or raises ValueError. The function `parse` also
    converts the text in the field `default`.
    """

    name: str
    parse: Callable[[str], Any]
    default: str
    help: str


def at_least(minimum: int) -> Callable[[str], int]:
    """Return a parser of integers from the minimum to LARGEST."""

    def number(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or not minimum <= int(text) <= LARGEST:
            limits = f"at least {minimum} and at most {LARGEST}"
            raise ArgumentTypeError(f"{text!r} is not valid: type a whole number, {limits}")
        return int(text)

    return number


@dataclass
class Observation:
    """What a variant did: its value or error, its SQL and its leaks."""

    kind: Kind = "variant"
    value: Any = None
    error: Any = None  # checks read attributes of many exception classes
    sql: list[str] = field(default_factory=list)  # statements that the server answered
    # All statements, including unanswered ones, BEGIN, COMMIT and ROLLBACK.
    log: list[str] = field(default_factory=list)
    # The number of each log line's transaction among the transactions that were open.
    transaction_ids: list[int] = field(default_factory=list)
    # The result of each log line: "" for success, or else the SQLSTATE of the error, "cancelled",
    # "no answer", or the class of the error.
    sqlstates: list[str] = field(default_factory=list)
    # What tasks and connections did, in the order in which it began.
    events: list[Event] = field(default_factory=list)
    round_trips: int = 0  # valid only if `counted` is true
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
        """The error's code in SQLAlchemy's documentation, for example "xd2s"."""
        return getattr(self.error, "code", None)

    @property
    def sqlstate(self) -> str | None:
        return sqlstate(self.error)


def checked_out(engine: AsyncEngine) -> int:
    """Return how many connections of the pool are in use."""
    # A NullPool has no method `checkedout`, and int() returns 0.
    count: int = getattr(engine.pool, "checkedout", int)()
    return count
