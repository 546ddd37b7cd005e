"""Alembic's configuration, its commands in this process, and an engine on an empty database."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.config import CommandLine, Config
from sqlalchemy import Engine

from orm_async_tests import db, migrations
from tests.conftest import make_sync_engine, with_url

ROOT = Path(__file__).parent.parent.parent
Alembic = Callable[..., str]


@pytest.fixture(params=migrations.HISTORIES)
def alembic_config(request: pytest.FixtureRequest) -> Config:
    """The project's configuration for pytest-alembic, once for each history."""
    return Config(ROOT / "alembic.ini", ini_section=request.param)


@pytest.fixture
def alembic_engine(empty_database: db.Database) -> Iterator[Engine]:
    """A synchronous engine, whose connection pytest-alembic passes to env.py."""
    engine = make_sync_engine(empty_database)
    yield engine
    engine.dispose()


def run_alembic(*arguments: str, ini: Path = ROOT / "alembic.ini") -> str:
    """Run an alembic command in this process, and return its output.

    Raise SystemExit with the exit code if the command fails.
    """
    command_line, output = CommandLine("alembic"), io.StringIO()
    options = command_line.parser.parse_args(arguments)
    config = Config(
        ini,
        ini_section=options.name,
        cmd_opts=options,
        stdout=output,
        output_buffer=output,
        attributes={"configure_logger": False},  # pytest's logging stays
    )
    command_line.run_cmd(config, options)
    return output.getvalue()


@pytest.fixture
def alembic(empty_database: db.Database, monkeypatch: pytest.MonkeyPatch) -> Alembic:
    """The function that runs an alembic command on an empty database."""
    monkeypatch.setenv("DATABASE_URL", with_url(empty_database)["DATABASE_URL"])
    return run_alembic
