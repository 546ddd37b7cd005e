import asyncio
from abc import ABC, abstractmethod
from asyncio import TaskGroup
from asyncio import gather as together
from functools import partial
from typing import Annotated

from fastapi import Depends
from shop_sessions import (
    Repository,
    Service,
    Session,
    SessionDep,
    ShopSession,
    UntypedRepository,
    UserRepository,
    counting,
    get_untyped,
    in_background,
    load_by_repository,
    map_together,
    never_uses,
    open_session,
    query,
)
from sqlalchemy.ext.asyncio import AsyncSession


async def two_statements(session: AsyncSession, a, b):
    await asyncio.gather(session.execute(a), session.execute(b))  # OAT101


async def alias_of_gather(db: SessionDep, a, b):
    await together(query(db, a), query(session=db, statement=b))  # OAT101


async def comprehension(session: ShopSession, statements):
    await asyncio.gather(*[query(session, one) for one in statements])  # OAT101


async def generator(session: "AsyncSession | None", statements):
    return await asyncio.gather(*(session.scalars(one) for one in statements))  # OAT101


async def by_list(session: AsyncSession, statements):
    tasks = []
    for one in statements:
        tasks.append(session.execute(one))  # OAT101
    await asyncio.gather(*tasks, return_exceptions=True)


async def by_map(session: AsyncSession, statements):
    await asyncio.gather(*map(lambda one: session.execute(one), statements))  # OAT101


async def task_group(session: AsyncSession, a, b):
    async with TaskGroup() as group:
        group.create_task(session.execute(a))
        group.create_task(query(session, b))  # OAT101


async def tasks_in_a_loop(statements):
    async with Session() as session:
        tasks = set()
        for one in statements:
            tasks.add(asyncio.create_task(query(session, one)))  # OAT101
        await asyncio.wait(tasks)


async def two_variables(session: AsyncSession, a, b):
    first = query(session, a)
    second = query(session, b)  # OAT101
    await asyncio.gather(first, second)


async def as_completed(session: AsyncSession, statements):
    for task in asyncio.as_completed([query(session, one) for one in statements]):  # OAT101
        await task


async def other_name(session: AsyncSession, a, b):
    same = session
    await asyncio.gather(same.execute(a), query(session, b))  # OAT101


async def repository(a, b):
    async with open_session() as session:
        users = UserRepository(session)
        await asyncio.gather(users.load_users(a), users.load(b))  # OAT101


async def two_repositories(session: AsyncSession, a, b):
    users, others = UserRepository(session), Repository(session)
    await asyncio.gather(users.load(a), others.load(b))  # OAT101


async def untyped_repository(session: AsyncSession, a, b):
    users = UntypedRepository(session)
    await asyncio.gather(users.load(a), users.load(b))  # OAT101


class Handler(Service):
    async def both(self, a, b):
        await asyncio.gather(self.work(a), self.one(b))  # OAT101

    async def one(self, statement):
        return await self.session.scalar(statement)


async def nested(session: AsyncSession, a):
    async def work(statement):
        await session.execute(statement)

    await asyncio.gather(work(a), work(a))  # OAT101


async def run_all(*tasks):
    return await asyncio.gather(*tasks)


async def wrapper_of_gather(session: AsyncSession, a, b):
    await run_all(query(session, a), query(session, b))  # OAT101


async def yielded(a, b):
    async for session in get_untyped():
        await asyncio.gather(session.get(a, 1), session.get(b, 2))  # OAT101


async def repositories_inside(session: AsyncSession, a, b):
    await asyncio.gather(load_by_repository(session, a), load_by_repository(session, b))  # OAT101


async def map_in_another_module(session: AsyncSession, rows):
    await map_together(session.delete, rows)  # OAT101


async def partials(session: AsyncSession, a, b):
    jobs = [partial(query, session, a), lambda: query(session, b)]
    await asyncio.gather(*(job() for job in jobs))  # OAT101


async def used_meanwhile(session: AsyncSession, a, b):
    task = asyncio.create_task(query(session, a))  # OAT101
    await session.execute(b)
    await task


async def used_in_the_block(session: AsyncSession, a, b):
    async with in_background(query(session, a)):  # OAT101
        await session.execute(b)
    async with counting(session):  # OAT101
        await session.execute(b)


async def objects_of_a_request(
    users: Annotated[Repository, Depends(Repository)],
    carts: Annotated[Repository, Depends(Repository)],
    a,
):
    await asyncio.gather(users.load(a), carts.load(a))  # OAT101


async def only_one_locks(session: AsyncSession, a):
    lock = asyncio.Lock()

    async def first():
        async with lock:
            await session.execute(a)

    async def second():
        await session.execute(a)

    await asyncio.gather(first(), second())  # OAT101


# Right


async def session_for_every_task(statements):
    async def work(statement):
        async with Session() as session:
            await session.execute(statement)

    await asyncio.gather(*[work(one) for one in statements])


async def one_user(session: AsyncSession, client, a):
    await asyncio.gather(query(session, a), client.get("/"), never_uses(session, a))


async def one_after_the_other(session: AsyncSession, a, b):
    await query(session, a)
    await query(session, b)


async def locked(session: AsyncSession, statements):
    lock = asyncio.Lock()

    async def work(statement):
        async with lock:
            await session.execute(statement)

    await asyncio.gather(*[work(one) for one in statements])


async def awaited_tasks(session: AsyncSession, a, b):
    await asyncio.create_task(query(session, a))
    await asyncio.create_task(query(session, b))


async def bound_inside(statements):
    tasks = []
    for one in statements:
        session = Session()
        tasks.append(query(session, one))
    await asyncio.gather(*tasks)


class Wallets(ABC):
    @abstractmethod
    async def confirm(self, db: AsyncSession, amount: int) -> None: ...


async def confirm_together(session: AsyncSession, wallets: Wallets):
    await together(wallets.confirm(session, 1), wallets.confirm(session, 2))  # OAT101


async def confirm_in_turn(session: AsyncSession, wallets: Wallets):
    await wallets.confirm(session, 1)
    await wallets.confirm(session, 2)
