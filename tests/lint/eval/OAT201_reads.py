import contextlib

from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Product(Base):
    __tablename__ = "product"
    name: Mapped[str] = mapped_column(primary_key=True)


async def with_text(session: AsyncSession, words):
    try:
        await session.execute(text("SELECT similarity(name, :a) FROM product"), words)  # OAT201
    except Exception:
        return await session.scalars(select(Product))


async def with_an_unusual_function(session: AsyncSession, words):
    distance = func.levenshtein(Product.name, words)
    try:
        return await session.scalars(select(Product).order_by(distance))  # OAT201
    except Exception:
        return await session.scalars(select(Product))


async def with_a_lock(session: AsyncSession):
    try:
        await session.scalars(select(Product).with_for_update(nowait=True))  # OAT201
    except Exception:
        await session.scalars(select(Product))


async def for_errors_of_the_database(session: AsyncSession):
    try:
        await session.scalars(select(Product))  # OAT201
    except SQLAlchemyError:
        print("no products")
    await session.commit()


async def flushes_new_rows(session: AsyncSession, names):
    for name in names:
        try:
            known = await session.scalar(select(Product).where(Product.name == name))  # OAT201
        except Exception:
            continue
        session.add(known or Product(name=name))


async def writes_too(session: AsyncSession, name):
    try:
        product = await session.scalar(select(Product).where(Product.name == name))  # OAT201
        await session.execute(insert(Product).values(name=product))
    except Exception:
        print("not copied")
    await session.commit()


async def changes_its_statement(session: AsyncSession, name):
    statement = select(Product)
    if name:
        statement = insert(Product).values(name=name)
    try:
        await session.execute(statement)  # OAT201
    except Exception:
        print("failed")
    await session.commit()


class Mailer:
    def __init__(self, session: AsyncSession):
        self.session = session

    async def send(self, client, name):
        self.session.add(Product(name=name))
        try:
            await self.session.flush()  # OAT201
            await client.post("/mail")
        except Exception:
            print("not sent")
        await self.session.commit()


async def writes_in_its_handler(session: AsyncSession, client, log):
    try:
        await client.post(await session.scalar(select(Product.name)))
    except Exception:
        with contextlib.suppress(Exception):
            await session.execute(log)  # OAT201
    await session.commit()


# Right


async def reads(session: AsyncSession, client, name=None):
    statement = select(Product).limit(9)
    if name:
        statement = statement.where(Product.name == name)
    try:
        for product in await session.scalars(statement):
            await client.post(product.name)
    except Exception:
        print("not sent")
    await session.commit()


async def counts(session: AsyncSession):
    return await session.scalar(select(func.count()).select_from(Product))


async def calls_a_reader(session: AsyncSession, client):
    session.add(Product(name="new"))
    await session.flush()
    try:
        await client.post(await counts(session))
    except Exception:
        print("not sent")
    await session.commit()


class Store:
    def __init__(self, session: AsyncSession | None):
        self.session = session

    async def save(self, statement):
        try:
            await self.session.execute(statement)
        except Exception:
            if self.session is not None:
                await self.session.rollback()
        await self.session.commit()


async def writes_after_a_failed_read(session: AsyncSession, log):
    try:
        name = await session.scalar(select(Product.name))
    except Exception:
        with contextlib.suppress(Exception):
            await session.execute(log)
        name = ""
    await session.commit()
    return name
