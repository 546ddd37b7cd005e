from typing import NamedTuple

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from tenacity import AsyncRetrying, stop_after_attempt


class Sessions(NamedTuple):
    main: AsyncSession
    audit: AsyncSession


async def rollback_of_the_other_field(sessions: Sessions, statement):
    try:
        await sessions.main.execute(statement)  # OAT201
    except IntegrityError:
        await sessions.audit.rollback()
    await sessions.main.execute(statement)


async def dropped_by_continue(session: AsyncSession, statements, log):
    for statement in statements:
        try:
            await session.execute(statement)  # OAT201
        finally:
            log(statement)
            continue


async def dropped_by_return(session: AsyncSession, statement):
    try:
        await session.execute(statement)  # OAT201
    finally:
        return statement


async def after_a_dropped_error(session: AsyncSession, statement):
    await dropped_by_return(session, statement)
    await session.commit()


async def repeated_by_tenacity(session: AsyncSession, statement):
    async for attempt in AsyncRetrying(stop=stop_after_attempt(3)):
        with attempt:
            await session.execute(statement)  # OAT201
    await session.commit()


# Right


async def rollback_of_the_same_field(sessions: Sessions, statement):
    try:
        await sessions.main.execute(statement)
    except IntegrityError:
        await sessions.main.rollback()
    await sessions.main.execute(statement)


async def dropped_after_a_rollback(session: AsyncSession, statements):
    for statement in statements:
        try:
            await session.execute(statement)
        finally:
            await session.rollback()
            continue


async def repeated_in_a_transaction(session: AsyncSession, statement):
    async for attempt in AsyncRetrying(stop=stop_after_attempt(3)):
        with attempt:
            async with session.begin():
                await session.execute(statement)
