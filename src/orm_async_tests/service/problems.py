"""Errors as problem+json (RFC 9457), and which of the database's errors are whose fault."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from asyncpg import InterfaceError, PostgresError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from orm_async_tests.service.methods import allowed
from orm_async_tests.service.schemas import Problem

MAX_ERRORS = 5  # of those that one response names
EXCERPT = 50  # characters
MEDIA_TYPE = "application/problem+json"
IF_MATCH = ("header", "if-match")
RETRY_AFTER = {"Retry-After": "1"}  # seconds
CONFLICTS = {"23505": HTTPStatus.CONFLICT, "23503": HTTPStatus.NOT_FOUND}
BUSY = ("57014", "55P03", "40001", "40P01", "53300", "57P01", "57P02", "57P03")
LOST = "08"  # the class of connection exceptions
UNWRAPPED = (InterfaceError, PostgresError)  # while a connection is set up (test172), and by COPY


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route answers besides success, for its description."""
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in (*statuses, 408, 413, 422, 503)
    }


def excerpt(text: str) -> str:
    """Cut a client's text, so that no response repeats a long one."""
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]}..."


def describe(error: Mapping[str, Any]) -> str:
    """Return where an input is invalid, and why, from an item of `ValidationError.errors()`."""
    place = ".".join(excerpt(str(part)) for part in error["loc"])
    reason = str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {reason}" if place else reason


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """The answer that says so."""
    document = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return JSONResponse(document.model_dump(), status, headers, media_type=MEDIA_TYPE)


async def http(request: Request, error: Exception) -> JSONResponse:
    """The answer to what a route refuses, or Starlette, such as a path that is not there."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = allowed(request)  # Starlette names those of one route only
    return problem(error.status_code, str(error.detail), headers)


async def invalid(_: Request, error: Exception) -> JSONResponse:
    """The answer to a request that is not as described: where, and why."""
    assert isinstance(error, RequestValidationError)
    if [each for each in error.errors() if each["type"] == "missing" and each["loc"] == IF_MATCH]:
        return problem(428, "say which version you have read: If-Match with its ETag")
    errors = error.errors()
    details = [describe(error) for error in errors[:MAX_ERRORS]]
    if len(errors) > MAX_ERRORS:
        details.append(f"and {len(errors) - MAX_ERRORS} more")
    return problem(422, "; ".join(details))


async def database(_: Request, error: Exception) -> JSONResponse:
    """409 or 404 for a constraint, 503 if the database is busy or away, otherwise 500."""
    orig = getattr(error, "orig", error)
    sqlstate = getattr(orig, "sqlstate", None) or ""
    if sqlstate in CONFLICTS:
        return problem(CONFLICTS[sqlstate], "the database's rules refuse it")
    lost = (
        sqlstate.startswith(LOST)
        or (isinstance(error, DBAPIError) and error.connection_invalidated)
        or isinstance(error, InterfaceError | PoolTimeout | TimeoutError | OSError)
    )
    if lost or sqlstate in BUSY:
        return problem(503, "the database is busy or away: try again", RETRY_AFTER)
    raise error


def add(app: FastAPI) -> None:
    """Answer to every error in this way."""
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    for kind in (DBAPIError, *UNWRAPPED, PoolTimeout, TimeoutError, OSError):
        app.add_exception_handler(kind, database)
