from datetime import datetime

from shop_sessions import Session, engine
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Parcel(Base):
    __tablename__ = "parcel"
    key: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]
    sent_at: Mapped[datetime | None]


class Attempt(Base):
    __tablename__ = "attempt"
    key: Mapped[int] = mapped_column(primary_key=True)
    parcel: Mapped[int]


async def mark(session: AsyncSession, key, state):
    await session.execute(update(Parcel).where(Parcel.key == key).values(state=state))


async def table_exists(session: AsyncSession, name):
    try:
        return await session.scalar(text(f"SELECT 1 FROM {name}")) is not None
    except Exception:
        return False


async def find(session: AsyncSession):
    return await session.scalar(select(Parcel.key))


async def extend_schema(session: AsyncSession, name):
    await session.execute(text(f"CREATE SCHEMA {name}"))
    try:
        await session.execute(text(f"CREATE EXTENSION {name}"))  # OAT201
    except Exception:
        print("no extension")


# The handler and the block only change loaded rows.


async def records_the_failure(session: AsyncSession, carrier, parcel: Parcel):
    try:
        await carrier.send(parcel.key)
        parcel.state = "sent"
        await session.commit()
    except Exception:
        parcel.state = "failed"
        await session.commit()


async def records_the_failure_in_a_helper(session: AsyncSession, carrier, keys):
    for key in keys:
        try:
            await carrier.send(key)
            await mark(session, key, "sent")  # OAT201
        except Exception:
            await mark(session, key, "failed")


async def inserts_a_row_before(session: AsyncSession, carrier, parcel: Parcel):
    try:
        await carrier.send(parcel.key)
        session.add(Attempt(parcel=parcel.key))
        await session.commit()  # OAT201
    except Exception:
        parcel.state = "failed"
        await session.commit()


async def inserts_a_row_in_the_handler(session: AsyncSession, carrier, parcel: Parcel):
    try:
        await carrier.send(parcel.key)
        parcel.state = "sent"
        await session.commit()  # OAT201
    except Exception:
        session.add(Attempt(parcel=parcel.key))
        await session.commit()


async def awaits_no_other_code(session: AsyncSession, parcel: Parcel):
    try:
        parcel.state = "sent"
        await session.commit()  # OAT201
    except Exception:
        parcel.state = "failed"
        await session.commit()


# The transaction has no other statement that COMMIT could lose.


async def one_statement(name):
    async with Session.begin() as session:
        try:
            await session.execute(text(f"CREATE SCHEMA {name}"))
        except Exception:
            print("exists")


async def one_statement_in_a_helper(name):
    async with Session() as session, session.begin():
        exists = await table_exists(session, name)
    return exists


async def one_statement_after_a_select(name):
    async with engine.begin() as connection:
        if await find(connection) is None:
            return
        try:
            await connection.execute(text(f"ALTER TABLE {name} ADD COLUMN note TEXT"))
        except Exception:
            print("exists")


async def two_statements(name):
    async with engine.begin() as connection:
        await connection.execute(text(f"CREATE TABLE {name} (key INT)"))
        try:
            await connection.execute(text(f"CREATE INDEX ON {name} (key)"))  # OAT201
        except Exception:
            print("exists")


async def two_statements_in_a_helper(name):
    async with Session() as session, session.begin():
        await extend_schema(session, name)


async def a_flush(parcel):
    async with Session.begin() as session:
        session.add(parcel)
        try:
            await session.flush()  # OAT201
        except Exception:
            print("exists")


# On SQLite, a transaction continues after an error.


async def load_sqlite_functions(session: AsyncSession):
    try:
        await session.execute(text("SELECT load_extension('vectors')"))
    except Exception:
        print("no functions")


async def in_a_function_for_sqlite(session: AsyncSession, dialect):
    if dialect == "sqlite":
        await load_sqlite_functions(session)
    await session.commit()


async def tries_a_second_name(a, b):
    async with engine.begin() as connection:
        try:
            await connection.execute(a)  # OAT201
        except Exception:
            try:
                await connection.execute(b)
            except Exception:
                print("failed")
