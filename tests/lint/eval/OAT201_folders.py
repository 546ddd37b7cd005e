import plain_folder.shop_audit
from plain_folder import shop_audit
from plain_folder.shop_audit import record
from sqlalchemy.ext.asyncio import AsyncSession


async def from_a_folder(session: AsyncSession):
    await shop_audit.record(session, "a")  # OAT201
    await session.commit()


async def from_a_module(session: AsyncSession):
    await record(session, "a")  # OAT201
    await session.commit()


async def by_a_path(session: AsyncSession):
    await plain_folder.shop_audit.record(session, "a")  # OAT201
    await session.commit()
