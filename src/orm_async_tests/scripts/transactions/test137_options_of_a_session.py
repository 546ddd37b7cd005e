"""Since SQLAlchemy 2.1, a Session has execution_options, which also apply to its flush.

Options that you pass to execute() apply only to the executed statement. The options of
Session(execution_options=...) apply to all statements of the session. In SQLAlchemy 2.0, the
statements of a flush had no execution options.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_api.html#sqlalchemy.orm.Session.params.execution_options
"""

from typing import Any

from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

SINCE = "2.1"
ALSO = "aiosqlite"
TENANT = {"tenant": "alps"}


def tenants_of(engine: AsyncEngine) -> list[object]:
    heard: list[object] = []

    def listener(*arguments: Any) -> None:
        heard.append(arguments[4].execution_options.get("tenant"))

    event.listen(engine.sync_engine, "before_cursor_execute", listener)
    return heard


@wrong
async def of_a_statement(engine: AsyncEngine) -> dict[str, list[object]]:
    """pass an execution option to execute(), then flush"""
    heard = tenants_of(engine)
    async with AsyncSession(engine) as session:
        await session.execute(select(User.id), execution_options=TENANT)
        session.add(User(username="guide"))
        await session.flush()
    return {"tenants heard": heard}


@right
async def of_the_session(engine: AsyncEngine) -> dict[str, list[object]]:
    """pass an execution option to the session, then execute and flush"""
    heard = tenants_of(engine)
    async with AsyncSession(engine, execution_options=TENANT) as session:
        await session.execute(select(User.id))
        session.add(User(username="guide"))
        await session.flush()
    return {"tenants heard": heard}


def check(of_a_statement: Observation, of_the_session: Observation) -> None:
    assert of_a_statement.value == {"tenants heard": ["alps", None]}
    assert of_the_session.value == {"tenants heard": ["alps", "alps"]}


main = main_of(__name__)
