from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine


async def probe(engine):
    connection = engine.connect()
    await connection.scalar(text("SELECT 1"))  # OAT103


async def store(maker):
    async with maker() as session:
        session.commit()  # OAT103


async def main(url: str):
    engine = create_async_engine(url)
    await probe(engine)
    await store(async_sessionmaker(engine))


# Right


async def right_probe(engine):
    connection = await engine.connect()
    await connection.scalar(text("SELECT 1"))
    await connection.close()


async def right_main(url: str):
    await right_probe(create_async_engine(url))
