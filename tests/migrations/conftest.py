"""What pytest-alembic needs: our configuration, and an engine on an empty database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.config import Config
from sqlalchemy import Engine, NullPool, create_engine

from orm_async_tests import db, migrations

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(params=migrations.LINES)
def alembic_config(request: pytest.FixtureRequest) -> Config:
    """The project's, for each line of revisions."""
    return Config(ROOT / "alembic.ini", ini_section=request.param)


@pytest.fixture
def alembic_engine(empty_database: db.Database) -> Iterator[Engine]:
    """A synchronous engine: env.py runs on the connection that pytest-alembic hands in."""
    engine = create_engine(db.with_driver(empty_database.url, "psycopg"), poolclass=NullPool)
    yield engine
    engine.dispose()
