"""Sends all errors, including database errors, as JSON documents (RFC 9457)."""

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
from starlette.routing import Match

from orm_async_tests.db import sqlstate
from orm_async_tests.service.schemas import Problem

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MAX_ERRORS = 5  # in one response
EXCERPT = 50  # characters
MEDIA_TYPE = "application/problem+json"
IF_MATCH = ("header", "if-match")
RETRY_AFTER = {"Retry-After": "1"}  # seconds
CONSTRAINTS = {"23505": HTTPStatus.CONFLICT, "23503": HTTPStatus.NOT_FOUND}
BUSY = ("57014", "55P03", "40001", "40P01", "53300", "57P01", "57P02", "57P03")
CONNECTION_EXCEPTION = "08"  # class of SQLSTATE
# SQLAlchemy wraps neither errors of a new connection (test172) nor errors of asyncpg's COPY.
UNWRAPPED = (InterfaceError, PostgresError)


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in (*statuses, 408, 413, 422, 503)
    }


def excerpt(text: str) -> str:
    """Cut a client's text to 50 characters, so that the response stays short."""
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]}..."


def describe(error: Mapping[str, Any]) -> str:
    """Say where and why an input is invalid.

    The parameter `error` is an item of pydantic's `errors()`.
    """
    place = ".".join(excerpt(str(part)) for part in error["loc"])
    reason = str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {reason}" if place else reason


def make_problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    document = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return JSONResponse(document.model_dump(), status, headers, media_type=MEDIA_TYPE)


def allowed_methods(request: Request) -> str:
    def is_allowed(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    methods = [method for method in METHODS if is_allowed(method)]
    return ", ".join([*methods, "HEAD"] if "GET" in methods else methods)


async def handle_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = allowed_methods(request)  # Starlette names the methods of only one route
    return make_problem(error.status_code, str(error.detail), headers)


async def handle_invalid_request(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    if any(error["type"] == "missing" and error["loc"] == IF_MATCH for error in errors):
        return make_problem(
            428, "send the header If-Match with the ETag of the version that you have read"
        )
    details = [describe(error) for error in errors[:MAX_ERRORS]]
    if len(errors) > MAX_ERRORS:
        details.append(f"and {len(errors) - MAX_ERRORS} more")
    return make_problem(422, "; ".join(details))


async def handle_database_error(_: Request, error: Exception) -> JSONResponse:
    """Answer 409 or 404 for a violated constraint, and 503 if the database is unavailable.

    Raise an unexpected error again, so that the client gets 500 and the log gets a traceback.
    """
    state = sqlstate(error) or ""
    if state in CONSTRAINTS:
        detail = "the change violates a constraint of the database"
        return make_problem(CONSTRAINTS[state], detail)
    is_unreachable = (
        state.startswith(CONNECTION_EXCEPTION)
        or (isinstance(error, DBAPIError) and error.connection_invalidated)
        or isinstance(error, InterfaceError | PoolTimeout | TimeoutError | OSError)
    )
    if is_unreachable or state in BUSY:
        return make_problem(503, "the database is busy or unreachable: try again", RETRY_AFTER)
    raise error


def add_handlers(app: FastAPI) -> None:
    app.add_exception_handler(HTTPException, handle_http_error)
    app.add_exception_handler(RequestValidationError, handle_invalid_request)
    for error_class in (DBAPIError, *UNWRAPPED, PoolTimeout, TimeoutError, OSError):
        app.add_exception_handler(error_class, handle_database_error)
