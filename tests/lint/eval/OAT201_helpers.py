import asyncio

from shop_sessions import Ignored, Session, ignored, never_uses, none_on_error, query_safely
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession


async def in_another_module(session: AsyncSession, a):
    await query_safely(session, a)  # OAT201
    await session.commit()


async def in_a_manager(session: AsyncSession, a):
    with ignored("a"):
        await session.execute(a)  # OAT201
    async with Ignored():
        await session.execute(a)  # OAT201
    await session.commit()


@none_on_error
async def decorated(session, a):
    await session.execute(a)


async def by_decorator(session: AsyncSession, a):
    await decorated(session, a)  # OAT201
    await session.commit()


async def rolled_back_in_one_handler(session: AsyncSession, a):
    try:
        await session.execute(a)  # OAT201
    except IntegrityError:
        await session.rollback()
    except SQLAlchemyError:
        pass
    await session.commit()


async def as_results(session: AsyncSession, a):
    await asyncio.gather(session.execute(a), return_exceptions=True)  # OAT201
    await session.commit()


async def close_batch(session: AsyncSession, is_failed: bool):
    if is_failed:
        await session.rollback()
    else:
        await session.commit()


async def rolled_back_sometimes(session: AsyncSession, a):
    try:
        await session.execute(a)  # OAT201
    except Exception:
        print("failed")
    await close_batch(session, is_failed=False)


async def count_or_error(session: AsyncSession, a):
    try:
        return {"count": await session.scalar(a)}  # OAT201
    except Exception as error:
        return {"error": str(error)}


async def unread_result(session: AsyncSession, a):
    result = await count_or_error(session, a)
    await session.commit()
    return result


async def check_stock(session: AsyncSession, statement):
    await session.execute(statement)


CHECKS = {"prices": never_uses, "stock": check_stock}


async def run_checks(session: AsyncSession, statement):
    for _, run_check in CHECKS.items():
        try:
            await run_check(session, statement)  # OAT201
        except Exception:
            print("failed")
    await session.commit()


# Right


async def read_result(session: AsyncSession, a):
    result = await count_or_error(session, a)
    if "error" in result:
        return
    await session.commit()


async def write_to_log(session: AsyncSession, a, *, is_final: bool = True):
    if is_final:
        async with Session() as other:
            await other.execute(a)
    else:
        try:
            await session.execute(a)
        except Exception:
            print("not written")


async def written_elsewhere(session: AsyncSession, a):
    await write_to_log(session, a)
    await session.commit()


async def rolled_back_by_an_argument(session: AsyncSession, a):
    try:
        await session.execute(a)
    except Exception:
        await close_batch(session, is_failed=True)


async def tested_result(session: AsyncSession, a):
    if await query_safely(session, a) is None:
        return
    await session.commit()


async def tested_constant(session: AsyncSession, a):
    outcome = "done"
    try:
        await session.execute(a)
    except Exception:
        outcome = "failed"
    if outcome == "failed":
        return
    await session.commit()


async def continued(statements):
    async with Session() as session:
        for one in statements:
            ok = False
            try:
                await session.execute(one)
                ok = True
            except Exception:
                continue
            finally:
                if not ok:
                    await session.rollback()


async def write_with_options(session: AsyncSession, a, **options):
    await session.execute(a, options)


async def passed_on_by_options(session: AsyncSession, a):
    await write_with_options(session, a, is_final=True)
    await session.commit()


class Counters:
    def __init__(self, session: AsyncSession):
        self.session = session

    async def count(self, a):
        await self.session.execute(a)


class Reports:
    def __init__(self, session: AsyncSession):
        self._db = session
        self._counters = Counters(session)

    async def write(self, a, b):
        try:
            await self._counters.count(a)  # OAT201
        except Exception:
            print("not counted")
        await self._db.execute(b)


def cached(function):
    async def call(cache, *arguments):
        try:
            if answer := await cache.get(arguments):
                return answer
            return await function(cache, *arguments)
        except Exception:  # the cache is down
            return await function(cache, *arguments)

    return call


@cached
async def count_rows(cache, session: AsyncSession, a):
    return await session.execute(a)


async def read_cached(session: AsyncSession, cache, a, b):
    count = await count_rows(cache, session, a)
    return count, await session.execute(b)
