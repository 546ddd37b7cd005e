from contextlib import asynccontextmanager
from dataclasses import dataclass

from shop_sessions import Session
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


class Stock:
    def __init__(self, db: AsyncSession):
        self.db = db

    async def count(self, article: str):
        return await self.db.scalar(text("SELECT 1"), {"article": article})


class Checkout:
    def __init__(self, db: AsyncSession, stock: Stock):
        self.db = db
        self._stock = stock

    async def order(self, article: str, row):
        if await self._stock.count(article):
            async with self.db.begin():  # OAT203
                self.db.add(row)


@dataclass
class Returns:
    session: AsyncSession
    stock: Stock

    async def accept(self, article: str, row):
        await self.stock.count(article)
        async with self.session.begin():  # OAT203
            self.session.add(row)


@asynccontextmanager
async def session_of(shop: str):
    async with Session() as session:
        await session.execute(text("SELECT set_config('shop', :shop, true)"), {"shop": shop})
        yield session


async def add_to_shop(shop: str, row):
    async with session_of(shop) as session, session.begin():  # OAT203
        session.add(row)


# Right


class Report:
    def __init__(self, db: AsyncSession):
        self.db = db
        self.stock = Stock(Session())

    async def write(self, article: str, row):
        await self.stock.count(article)
        async with self.db.begin():
            self.db.add(row)


@dataclass
class Transfer:
    source: AsyncSession
    target: AsyncSession
    stock: Stock

    async def copy(self, article: str, row):
        await self.stock.count(article)
        async with self.target.begin():
            self.target.add(row)


@asynccontextmanager
async def session_for(shop: str):
    async with Session() as session:
        await session.execute(text("SELECT set_config('shop', :shop, false)"), {"shop": shop})
        await session.commit()
        yield session


async def add_for_shop(shop: str, row):
    async with session_for(shop) as session, session.begin():
        session.add(row)
