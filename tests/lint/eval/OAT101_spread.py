import asyncio
from functools import partial

from shop_sessions import (
    Session,
    query,
    visit_counted,
    visit_in_batches,
    visit_in_turn,
    visit_slowly,
)
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

ORDERS, REFUNDS = text("SELECT sum(total) FROM orders"), text("SELECT sum(total) FROM refunds")


async def retried(work, *arguments, **options):
    for _ in range(3):
        try:
            return await work(*arguments, **options)
        except ConnectionError:
            await asyncio.sleep(1)


async def balance(session: AsyncSession):
    context = {"session": session}
    return await asyncio.gather(
        query(**context, statement=ORDERS),
        query(**context, statement=REFUNDS),  # OAT101
    )


async def balance_of_a_shop(session: AsyncSession, shop: int):
    common = dict(session=session)
    common["statement"] = select(shop)
    await asyncio.gather(query(**common), query(**common))  # OAT101


async def balance_with_retries(session: AsyncSession):
    return await asyncio.gather(
        retried(query, session, ORDERS),
        retried(query, session=session, statement=REFUNDS),  # OAT101
    )


async def balance_by_partials(session: AsyncSession, statements):
    jobs = []
    for statement in statements:
        jobs.append(partial(query, session, statement))
    await asyncio.gather(*(job() for job in jobs))  # OAT101


async def visits(session: AsyncSession, statements):
    await visit_slowly(partial(query, session), statements)  # OAT101


async def counted_visits(session: AsyncSession, statements):
    async def visit(statement):
        await query(session, statement)

    return await visit_counted(visit, statements)  # OAT101


# Right


async def one_after_the_other(session: AsyncSession):
    context = {"session": session}
    return [await retried(query, **context, statement=ORDERS), await query(session, REFUNDS)]


async def two_sessions(first: AsyncSession, second: AsyncSession):
    await asyncio.gather(
        query(**{"session": first}, statement=ORDERS), retried(query, second, REFUNDS)
    )


async def visits_one_by_one(session: AsyncSession, statements):
    await visit_in_turn(partial(query, session), statements)
    await visit_in_batches(partial(query, session), statements)


async def visit_with_a_session(statement):
    async with Session() as session:
        await query(session, statement)


async def visits_with_sessions(session: AsyncSession, statements):
    await visit_slowly(visit_with_a_session, statements)
    await visit_counted(visit_with_a_session, await query(session, ORDERS))
