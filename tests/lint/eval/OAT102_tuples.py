import sqlalchemy.ext.asyncio as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

Factory = async_sessionmaker[AsyncSession]


def start(url: str) -> tuple[AsyncEngine, AsyncSession]:
    engine = sa.create_async_engine(url)
    return engine, async_sessionmaker(engine)()


def prepare(url: str) -> tuple[AsyncEngine, Factory]:
    engine = sa.create_async_engine(url)
    return engine, async_sessionmaker(engine)


engine, session = start("postgresql+asyncpg://localhost/a")  # OAT102


# Right

other_engine, factory = prepare("postgresql+asyncpg://localhost/a")
