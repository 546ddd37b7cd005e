"""What pytest-alembic needs: our configuration, and an engine on an empty database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, NullPool, create_engine

from orm_async_tests import db

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def alembic_config() -> dict[str, str]:
    """The project's."""
    return {"file": str(ROOT / "alembic.ini")}


@pytest.fixture
def alembic_engine(empty_database: db.Database) -> Iterator[Engine]:
    """A synchronous engine: env.py runs on the connection that pytest-alembic hands in."""
    engine = create_engine(db.with_driver(empty_database.url, "psycopg"), poolclass=NullPool)
    yield engine
    engine.dispose()
