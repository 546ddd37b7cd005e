"""How values and errors are written for people."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from orm_async_tests.harness.definitions.observation import sqlstate


def describe(error: BaseException) -> str:
    """The error's class and the stable codes that it carries."""
    codes = [str(code) for code in (getattr(error, "code", None), sqlstate(error)) if code]
    return " ".join([type(error).__name__, *dict.fromkeys(codes)])


def written(value: Any) -> str:
    """A value as an assertion shows it: errors by class and code, classes by name, else repr.

    Four digits of a float are enough to compare two.
    """
    if isinstance(value, BaseException):
        return describe(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if type(value) is list:
        return f"[{', '.join(map(written, value))}]"
    return value.__name__ if isinstance(value, type) else repr(value)


def phrase(value: Any) -> str:
    """Return a variant's result as text, for example "jobs done 20, runs of one job 1"."""
    named = _named(value)
    if named is None:
        return written(value)
    return ", ".join(f"{name} {written(each)}" for name, each in named.items())


def counted(count: int, thing: str) -> str:
    """Such as "1 statement" or "2 statements"."""
    return f"{count} {thing}{'s' * (count != 1)}"


def clipped(text: str, width: int) -> str:
    """The text, or as much of its beginning and end as the width allows."""
    if len(text) <= width:
        return text
    half = (width - len(GAP)) // 2
    return text[:half] + GAP + text[-half:]


GAP = " ... "


def _named(value: Any) -> dict[str, Any] | None:
    """Names and values of a mapping, a named tuple or a dataclass; None for anything else."""
    if isinstance(value, Mapping):
        return {str(name): each for name, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        names = [each.name for each in fields(value)]
    elif isinstance(value, tuple):
        names = list(getattr(value, "_fields", ()))
    else:
        names = []
    return {name.replace("_", " "): getattr(value, name) for name in names} or None
