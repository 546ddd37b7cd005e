"""`alembic upgrade --sql` prints a revision's SQL, unless the revision queries the database.

In offline mode, a revision has no connection to a database. In offline mode, Alembic prints the
revision's query but gets no rows. A revision that queries the database works in online mode, so
nobody notices the query until an offline upgrade fails. If a revision fills a column, let the
server compute the values in SQL.

Docs: https://alembic.sqlalchemy.org/en/latest/offline.html
Symptom: you get TypeError "'NoneType' object is not iterable" with "alembic/runtime/migration.py"
in the traceback.
"""

from io import StringIO

from sqlalchemy import Connection, MetaData, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from alembic import command
from orm_async_tests.harness import Observation, alembic_environment, main_of, right, wrong

REVISION = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "a1", None
def upgrade():
    op.add_column("walks", sa.Column("km", sa.Integer), schema="test167")
"""
IN_PYTHON = """
    for walk in op.get_bind().execute(sa.text("SELECT id, meters FROM test167.walks")):
        op.execute(f"UPDATE test167.walks SET km = {walk.meters // 1000} WHERE id = {walk.id}")
"""
IN_SQL = '    op.execute("UPDATE test167.walks SET km = meters / 1000")'


class Base(DeclarativeBase):
    metadata = MetaData(schema="test167")


class Walk(Base):
    __tablename__ = "walks"
    id: Mapped[int] = mapped_column(primary_key=True)
    meters: Mapped[int]


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(insert(Walk).values(meters=12000))


def upgrade_and_print(connection: Connection, revision: str) -> str:
    output = StringIO()
    with alembic_environment(
        revision, connection=connection, output_buffer=output, version_table_schema="test167"
    ) as config:
        command.upgrade(config, "head")
        command.upgrade(config, "head", sql=True)
    return " ".join(output.getvalue().split())


@wrong
async def asks_the_database(engine: AsyncEngine) -> str:
    """upgrade online and offline with a revision that computes values in Python"""
    async with engine.begin() as connection:
        return await connection.run_sync(upgrade_and_print, REVISION + IN_PYTHON)


@right
async def in_sql(engine: AsyncEngine) -> str:
    """upgrade online and offline with a revision that computes values in SQL"""
    async with engine.begin() as connection:
        return await connection.run_sync(upgrade_and_print, REVISION + IN_SQL)


def check(asks_the_database: Observation, in_sql: Observation) -> None:
    assert isinstance(asks_the_database.error, TypeError)
    both = asks_the_database, in_sql
    with_query, in_one_update = ([sql for sql in variant.sql if "walks" in sql] for variant in both)
    assert (len(with_query), len(in_one_update)) == (3, 2)
    assert all(sql in in_sql.value for sql in in_one_update)


main = main_of(__name__)
