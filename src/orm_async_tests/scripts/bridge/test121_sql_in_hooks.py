"""In an event listener, coroutines of AsyncSession never run, because a listener cannot await.

SQLAlchemy passes synchronous objects to a listener, for example a Connection or a Session. The
methods of a synchronous Connection or Session send SQL at once, because SQLAlchemy awaits the
driver for you. If a listener calls a method of your AsyncSession, nothing awaits the coroutine that
the method returns.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#using-events-with-the-asyncio-extension
Symptom: you get RuntimeWarning "coroutine 'AsyncSession.execute' was never awaited".
"""

from sqlalchemy import MetaData, event, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from orm_async_tests.harness import Observation, main_of, right, wrong


class Base(DeclarativeBase):
    metadata = MetaData(schema="test121")
    id: Mapped[int] = mapped_column(primary_key=True)


class Tour(Base):
    __tablename__ = "tours"


class Audit(Base):
    __tablename__ = "audit"


@wrong(warns=True)
async def on_the_async_session(session: AsyncSession) -> dict[str, int | None]:
    """in a before_flush listener, call execute() of the AsyncSession"""

    def listener(*_: object) -> None:
        session.execute(insert(Audit))  # type: ignore[unused-coroutine]

    event.listen(session.sync_session, "before_flush", listener)
    session.add(Tour())
    await session.commit()
    return {"audited": await session.scalar(select(func.count(Audit.id)))}


@right
async def on_the_session(session: AsyncSession) -> dict[str, int | None]:
    """in a before_flush listener, call execute() of the Session that the listener receives"""

    def listener(sync_session: Session, *_: object) -> None:
        sync_session.execute(insert(Audit))

    event.listen(session.sync_session, "before_flush", listener)
    session.add(Tour())
    await session.commit()
    return {"audited": await session.scalar(select(func.count(Audit.id)))}


def check(on_the_async_session: Observation, on_the_session: Observation) -> None:
    assert on_the_async_session.value == {"audited": 0}
    assert on_the_async_session.warnings == ["RuntimeWarning"]
    assert on_the_session.value == {"audited": 1}


main = main_of(__name__)
