"""An after_commit listener cannot send SQL: collect the work there, and do it after commit().

SQLAlchemy calls an after_commit listener when the transaction is over, but the session cannot begin
another transaction yet. In an after_commit listener, write the remaining work into the dictionary
session.info. If the process dies after the commit, everything in session.info is lost. If work must
not be lost, store it in a table, in the same transaction as the changes.

Docs: https://docs.sqlalchemy.org/en/21/orm/events.html#sqlalchemy.orm.SessionEvents.after_commit
Symptom: you get InvalidRequestError "This session is in 'committed' state".
"""

from sqlalchemy import event, insert, select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

WELCOME = insert(User).values(username="welcome")
ADDED = select(User.username).where(User.username.in_(["ann", "welcome"])).order_by(User.id)


@wrong
async def in_the_listener(session: AsyncSession) -> dict[str, object]:
    """add a user, and send SQL in an after_commit listener"""

    def welcome(session: Session) -> None:
        session.execute(WELCOME)

    event.listen(session.sync_session, "after_commit", welcome)
    session.add(User(username="ann"))
    await session.commit()
    return {"added": list(await session.scalars(ADDED))}


@right
async def after_the_commit(session: AsyncSession) -> dict[str, object]:
    """add a user, let a listener store a statement, and execute the statement after commit()"""

    def welcome(session: Session) -> None:
        session.info["welcome"] = WELCOME

    event.listen(session.sync_session, "after_commit", welcome, once=True)
    session.add(User(username="ann"))
    await session.commit()
    await session.execute(session.info.pop("welcome"))
    await session.commit()
    return {"added": list(await session.scalars(ADDED))}


def check(in_the_listener: Observation, after_the_commit: Observation) -> None:
    assert isinstance(in_the_listener.error, InvalidRequestError)
    assert in_the_listener.log[-1] == "COMMIT"
    assert after_the_commit.value == {"added": ["ann", "welcome"]}


main = main_of(__name__)
