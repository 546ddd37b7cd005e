"""The tests of pytest-alembic for both histories, and tests of the migrated data."""

from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext as Context
from alembic.script import ScriptDirectory
from pytest_alembic import MigrationContext
from pytest_alembic.tests import (
    test_model_definitions_match_ddl as test_the_migrations_create_the_models,
)
from pytest_alembic.tests import test_up_down_consistency as test_every_revision_can_be_downgraded
from pytest_alembic.tests import test_upgrade as test_an_empty_database_is_upgraded
from sqlalchemy import Column, Engine, MetaData, Text, text

from orm_async_tests import migrations
from orm_async_tests.models import Base
from tests.migrations.conftest import ROOT

TRACKING_ONLY = pytest.mark.parametrize("alembic_config", ["alembic"], indirect=True)
__all__ = [
    "test_an_empty_database_is_upgraded",
    "test_every_revision_can_be_downgraded",
    "test_the_migrations_create_the_models",
]

FIRST, SECOND = "97eeeb1ead54", "5b8c0f2d9a41"
MOMENT = datetime(2010, 10, 3, 9, 36, 30, tzinfo=UTC)


@TRACKING_ONLY
def test_rows_and_instants_survive_the_second_revision_both_ways(
    alembic_runner: MigrationContext, alembic_engine: Engine
) -> None:
    alembic_runner.raw_command("upgrade", FIRST)
    with alembic_engine.begin() as connection:
        connection.execute(text("INSERT INTO users (username, created_at) VALUES ('a', NULL)"))
        naive = MOMENT.replace(tzinfo=None)
        insert = "INSERT INTO track_points (user_id, lat, lon, date) VALUES (1, 45, 14, :date)"
        connection.execute(text(insert), {"date": naive})
    stamps = text("SELECT date, created_at, updated_at FROM track_points")
    with alembic_engine.connect() as connection:
        before = connection.execute(stamps).one()

    alembic_runner.raw_command("upgrade", SECOND)
    with alembic_engine.connect() as connection:
        after = connection.execute(stamps).one()
        assert connection.scalar(text("SELECT created_at FROM users")) is not None
    alembic_runner.raw_command("downgrade", FIRST)
    with alembic_engine.connect() as connection:
        back = connection.execute(stamps).one()

    assert after.date == MOMENT
    assert [stamp.replace(tzinfo=UTC) for stamp in before] == list(after)
    assert before == back


@TRACKING_ONLY
def test_autogenerate_reports_a_new_column(
    alembic_runner: MigrationContext, alembic_engine: Engine
) -> None:
    alembic_runner.migrate_up_to("head")
    changed = MetaData(naming_convention=Base.metadata.naming_convention)
    for table in Base.metadata.sorted_tables:
        table.to_metadata(changed)
    changed.tables["users"].append_column(Column("email", Text))

    with alembic_engine.connect() as connection:
        context = Context.configure(connection)
        assert compare_metadata(context, Base.metadata) == []
        [[operation, _, table_name, column]] = compare_metadata(context, changed)
    assert (operation, table_name, column.name) == ("add_column", "users", "email")


@pytest.mark.parametrize("section", migrations.HISTORIES)
def test_revisions_and_heads_are_those_that_alembic_reads(section: str) -> None:
    directory = ScriptDirectory.from_config(Config(ROOT / "alembic.ini", ini_section=section))
    history = migrations.HISTORIES[section]
    scripts = directory.walk_revisions()
    assert migrations.heads(history) == {directory.get_current_head()}
    assert migrations.revisions(history).keys() == {script.revision for script in scripts}
