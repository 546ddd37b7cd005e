"""The service keeps what its OpenAPI document promises, whatever it is sent."""

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case
from schemathesis.checks import positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema
from schemathesis.transport.serialization import Binary
from sqlalchemy import make_url

from orm_async_tests.service.app import create_app

UPLOADS = ("/users/{user_id}/points/ndjson", "/users/{user_id}/points/gpx")
DESCRIPTION = create_app(make_url("postgresql+asyncpg://")).openapi()
OPERATIONS = [(path, method) for path, each in DESCRIPTION["paths"].items() for method in each]


@schemathesis.serializer("application/x-ndjson")
def as_it_is(_: object, value: Any) -> bytes:
    """An upload is sent as it was made."""
    return value.data if isinstance(value, Binary) else str(value).encode("utf-8", "replace")


@pytest.fixture(scope="module")
def api(client: httpx.Client) -> OpenApiSchema:
    """The description, as the service serves it."""
    return schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_an_endpoint_answers_as_it_is_described(path: str, method: str, api: OpenApiSchema) -> None:
    operation = api[path][method]
    # What is in an uploaded file, no schema says: it may be refused.
    unchecked = [positive_data_acceptance] if path in UPLOADS else []

    @settings(
        max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy())
    def answers(case: "Case[Any]") -> None:
        case.call_and_validate(excluded_checks=unchecked)

    answers()
