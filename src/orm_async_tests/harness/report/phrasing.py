"""Formats values, errors and counts for readers."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from sqlalchemy.exc import DBAPIError, StatementError

from orm_async_tests.db import sqlstate

GAP = " ... "


def describe(error: BaseException) -> str:
    """Describe an error, for example "IntegrityError (code gkpj, SQLSTATE 23505)"."""
    labeled = {"code": getattr(error, "code", None), "SQLSTATE": sqlstate(error)}
    codes = ", ".join(f"{label} {code}" for label, code in labeled.items() if code)
    text = type(error).__name__ + (f" ({codes})" if codes else "")
    # SQLAlchemy also wraps errors that do not come from the driver.
    if isinstance(error, StatementError) and not isinstance(error, DBAPIError) and error.orig:
        return f"{text}, caused by {type(error.orig).__name__}"
    return text


def format_value(value: Any) -> str:
    """Return a short text for a value, for example "0.3333" or "ValueError"."""
    if isinstance(value, BaseException):
        return describe(value)
    if isinstance(value, float):
        return f"{value:.4g}"  # four digits are enough to compare two floats
    if type(value) is list:
        return f"[{', '.join(map(format_value, value))}]"
    return value.__name__ if isinstance(value, type) else repr(value)


def format_result(value: Any) -> str:
    """Return a result as text, for example "jobs done 20, runs of one job 1"."""
    names = getattr(value, "_fields", ()) if isinstance(value, tuple) else ()
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value)]
    named = {name.replace("_", " "): getattr(value, name) for name in names}
    if isinstance(value, Mapping):
        named = {**value}
    elif not named:
        return format_value(value)
    return ", ".join(f"{name} {format_value(field)}" for name, field in named.items())


def pluralize(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def truncate(text: str, width: int) -> str:
    if len(text) <= width:
        return text
    half = (width - len(GAP)) // 2
    return text[:half] + GAP + text[-half:]
