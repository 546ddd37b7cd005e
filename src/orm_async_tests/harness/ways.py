"""The functions of a script that do something, and what they may leave behind."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, overload

from orm_async_tests.harness.seen import Kind


@dataclass(frozen=True)
class Way:
    """A function of a script, how it is to be run, and what it may leave behind.

    engine: options of create_async_engine; standby: settings of its hot standby. warns, unhandled,
    leaks, tasks: the way is about a warning, an error that nobody retrieves or that is only logged,
    a connection that is not given back, a task that is left; then `check` judges them, else any of
    them breaks the script.
    """

    function: Callable[..., Any]
    kind: Kind
    engine: Mapping[str, Any] = field(default_factory=dict)
    standby: Mapping[str, str] = field(default_factory=dict)
    warns: bool = False
    unhandled: bool = False
    leaks: bool = False
    tasks: bool = False

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the function: one way may use another."""
        return self.function(*arguments, **named)

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__

    @property
    def label(self) -> str:
        """What it does, from its docstring, on one line."""
        return " ".join((inspect.getdoc(self.function) or "").split())

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of what it asks for."""
        return tuple(inspect.signature(self.function).parameters)


@dataclass(frozen=True)
class Mark:
    """The decorator of one kind of way, with or without Way's named arguments."""

    kind: Kind

    @overload
    def __call__(self, function: Callable[..., Any], /) -> Way: ...

    @overload
    def __call__(
        self,
        /,
        *,
        engine: Mapping[str, Any] = ...,
        standby: Mapping[str, str] = ...,
        warns: bool = ...,
        unhandled: bool = ...,
        leaks: bool = ...,
        tasks: bool = ...,
    ) -> Callable[[Callable[..., Any]], Way]: ...

    def __call__(self, function: Callable[..., Any] | None = None, /, **terms: Any) -> Any:
        if function is not None:
            return Way(function, self.kind)
        return lambda function: Way(function, self.kind, **terms)


wrong = Mark("wrong")
right = Mark("right")
way = Mark("way")


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
