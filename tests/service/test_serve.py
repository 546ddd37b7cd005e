"""poetry run serve starts the service, or says what is wrong and what to type."""

import os
import subprocess
import sys

import httpx
import pytest

from orm_async_tests import db
from tests.service.processes import SERVE, serving

PREFIX = "ORM_ASYNC_SERVICE_"
FROZEN = """
import gc
from sqlalchemy import make_url
from orm_async_tests.service.serve import create_frozen_app
from orm_async_tests.service.settings import Settings
app = create_frozen_app(make_url("postgresql://localhost/x"), Settings())
assert not any(each is app for each in gc.get_objects())
"""


def test_it_serves_a_database_that_was_empty_until_it_is_ended(
    empty_database: db.Database,
) -> None:
    with serving(empty_database.url) as service:
        assert httpx.get(f"{service.url}/users").json() == {"items": [], "next": None}


def test_the_collector_does_not_look_at_the_application_again() -> None:
    subprocess.run([sys.executable, "-c", FROZEN], check=True)


@pytest.mark.parametrize(
    ("arguments", "variables", "where"),
    [
        (["--port", "99999"], {}, "127.0.0.1:99999"),
        ([], {f"{PREFIX}POOL_SIZE": "many"}, f"{PREFIX}POOL_SIZE"),
        (["--port", "0"], {f"{PREFIX}STATEMENT_TIMEOUT": "inf"}, f"{PREFIX}STATEMENT_TIMEOUT"),
        (["--port", "0"], {f"{PREFIX}READ_URL": "nowhere"}, f"{PREFIX}READ_URL"),
        (["--port", "0"], {f"{PREFIX}POOLER": "true"}, f"{PREFIX}POOLER"),
        (["--port", "0", "--db", "postgresql://127.0.0.1:1/x"], {}, "127.0.0.1:1/x"),
    ],
)
def test_what_it_cannot_use_is_named_with_what_to_type(
    arguments: list[str], variables: dict[str, str], where: str
) -> None:
    done = subprocess.run(
        [*SERVE, *arguments], env={**os.environ, **variables}, capture_output=True, text=True
    )
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if line.startswith("  ")]
    assert [line.split(":")[0].strip() for line in said] == ["where", "type"]
    assert where in said[0]
