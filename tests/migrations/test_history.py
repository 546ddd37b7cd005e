"""The history as a whole: pytest-alembic's tests, and what they do not ask."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext as Context
from alembic.script import ScriptDirectory
from pytest_alembic import MigrationContext
from pytest_alembic.tests import (
    test_model_definitions_match_ddl as test_the_models_are_what_the_migrations_make,
)
from pytest_alembic.tests import test_up_down_consistency as test_each_step_goes_down_again
from pytest_alembic.tests import test_upgrade as test_an_empty_database_is_upgraded
from sqlalchemy import Column, Engine, MetaData, Text, text

from orm_async_tests import migrations
from orm_async_tests.models import Base

TRACKS_ONLY = pytest.mark.parametrize("alembic_config", ["alembic"], indirect=True)
ROOT = Path(__file__).parent.parent.parent
__all__ = [
    "test_an_empty_database_is_upgraded",
    "test_each_step_goes_down_again",
    "test_the_models_are_what_the_migrations_make",
]

FIRST, SECOND = "97eeeb1ead54", "5b8c0f2d9a41"
MOMENT = datetime(2010, 10, 3, 9, 36, 30, tzinfo=UTC)


@TRACKS_ONLY
def test_rows_and_instants_survive_the_second_revision_both_ways(
    alembic_runner: MigrationContext, alembic_engine: Engine
) -> None:
    alembic_runner.raw_command("upgrade", FIRST)
    with alembic_engine.begin() as connection:
        connection.execute(text("INSERT INTO users (username, created_at) VALUES ('a', NULL)"))
        naive = MOMENT.replace(tzinfo=None)
        insert = "INSERT INTO track_points (user_id, lat, lon, date) VALUES (1, 45, 14, :date)"
        connection.execute(text(insert), {"date": naive})
    kept = text("SELECT date, created_at, updated_at FROM track_points")
    with alembic_engine.connect() as connection:
        before = connection.execute(kept).one()

    alembic_runner.raw_command("upgrade", SECOND)
    with alembic_engine.connect() as connection:
        after = connection.execute(kept).one()
        assert connection.scalar(text("SELECT created_at FROM users")) is not None
    alembic_runner.raw_command("downgrade", FIRST)
    with alembic_engine.connect() as connection:
        back = connection.execute(kept).one()

    assert after.date == MOMENT
    assert [each.replace(tzinfo=UTC) for each in before] == list(after)
    assert before == back


@TRACKS_ONLY
def test_a_column_added_to_the_models_is_found(
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
        [[what, _, table_name, column]] = compare_metadata(context, changed)
    assert (what, table_name, column.name) == ("add_column", "users", "email")


@pytest.mark.parametrize("section", migrations.LINES)
def test_the_one_head_of_each_line_read_from_the_files_is_alembics(section: str) -> None:
    directory = ScriptDirectory.from_config(Config(ROOT / "alembic.ini", ini_section=section))
    line = migrations.LINES[section]
    assert migrations.heads(line) == {directory.get_current_head()}
    assert migrations.revisions(line) == {each.revision for each in directory.walk_revisions()}
