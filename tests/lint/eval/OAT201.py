import contextlib
import sys
from contextlib import suppress

from shop_sessions import (
    Repository,
    Service,
    Session,
    SessionDep,
    UnitOfWork,
    engine,
    load_then_store,
    open_session,
    query,
    recover,
    rolled_back_on_error,
)
from sqlalchemy.exc import IntegrityError, NoResultFound, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

DATABASE_ERRORS = SQLAlchemyError


async def swallowed(session: AsyncSession, a, log):
    try:
        await session.execute(a)  # OAT201
    except Exception:
        log.exception("failed")
    await session.commit()


async def dependency(db: SessionDep, a, b):
    try:
        await db.flush()  # OAT201
    except IntegrityError as error:
        print(error)
    return await db.scalar(b)


async def in_a_loop(statements):
    async with Session() as session:
        for one in statements:
            try:
                await session.execute(one)  # OAT201
            except SQLAlchemyError:
                continue
        await session.commit()


async def retried(session: AsyncSession):
    for _ in range(3):
        try:
            await session.commit()  # OAT201
            break
        except DATABASE_ERRORS:
            pass


async def by_suppress(session: AsyncSession, a):
    with suppress(Exception):
        await session.execute(a)  # OAT201
    await session.commit()


async def by_module(session: AsyncSession, a):
    with contextlib.suppress(SQLAlchemyError):
        await query(session, a)  # OAT201
    await query(session, a)


async def in_the_handler(session: AsyncSession, a, b):
    try:
        await session.execute(a)  # OAT201
    except Exception:
        await session.execute(b)
        raise


async def in_a_begin_block(a, b):
    async with Session.begin() as session:
        await session.execute(b)
        try:
            await session.execute(a)  # OAT201
        except Exception:
            pass


async def in_a_connection(a, b):
    async with engine.begin() as connection:
        await connection.execute(b)
        try:
            await connection.execute(a)  # OAT201
        except Exception:
            pass


async def by_repository(a, b):
    async with open_session() as session:
        users = Repository(session)
        try:
            await users.load(a)  # OAT201
        except Exception:
            pass
        await users.load(b)


class Handler(Service):
    async def both(self, a):
        try:
            await self.work(a)  # OAT201
        except Exception:
            print("failed")
        await self.session.commit()

    async def quietly(self, a):
        try:
            await self.session.execute(a)  # OAT201
        except Exception:
            print("failed")

    async def all(self, a):
        await self.quietly(a)
        await self.session.commit()


async def unit_of_work(a):
    async with UnitOfWork() as uow:
        try:
            await uow.session.execute(a)  # OAT201
        except Exception:
            pass
        await uow.session.commit()


async def nested(session: AsyncSession, a):
    async def work():
        await session.execute(a)

    try:
        await work()  # OAT201
    except Exception:
        pass
    await session.commit()


async def wrong_exception_first(session: AsyncSession, a):
    try:
        await session.execute(a)  # OAT201
    except ValueError:
        return
    except Exception:
        pass
    await session.commit()


async def caught_outside(session: AsyncSession, a):
    try:
        try:
            await session.execute(a)  # OAT201
        except SQLAlchemyError as error:
            raise RuntimeError from error
    except RuntimeError:
        pass
    await session.commit()


async def half_rolled_back(session: AsyncSession, a, user):
    try:
        await load_then_store(session, a, user)  # OAT201
    except Exception:
        pass
    await session.commit()


async def in_a_closure(session: AsyncSession, a):
    async def count():
        try:
            return await session.scalar(a)  # OAT201
        except Exception:
            return 0

    number = await count()
    await session.commit()
    return number


async def count_rows(session: AsyncSession, table):
    try:
        return await session.scalar(table)  # OAT201
    except Exception:
        return None


async def in_a_comprehension(session: AsyncSession, tables):
    return {table: await count_rows(session, table) for table in tables}


# Right


async def rolled_back(session: AsyncSession, a):
    try:
        await session.execute(a)
    except Exception:
        await session.rollback()
    await session.commit()


async def recovered(session: AsyncSession, a, user):
    try:
        await session.execute(a)
    except Exception:
        await recover(session, user)
    await session.commit()


async def savepoint(session: AsyncSession, a):
    try:
        async with session.begin_nested():
            await session.execute(a)
    except Exception:
        pass
    await session.commit()


async def savepoint_by_hand(session: AsyncSession, a):
    savepoint = await session.begin_nested()
    try:
        await session.execute(a)
    except Exception:
        await savepoint.rollback()
    await session.commit()


async def raised(session: AsyncSession, a):
    try:
        await session.execute(a)
    except Exception as error:
        raise RuntimeError from error
    await session.commit()


async def returned(session: AsyncSession, a):
    try:
        await session.execute(a)
    except Exception:
        return None
    await session.commit()


async def ended(session: AsyncSession, a):
    try:
        await session.execute(a)
    except Exception:
        sys.exit(1)
    await session.commit()


async def own_session(statements):
    for one in statements:
        try:
            async with Session() as session:
                await session.execute(one)
                await session.commit()
        except Exception:
            print("failed")


async def own_manager(session: AsyncSession, a):
    try:
        async with rolled_back_on_error(session):
            await session.execute(a)
    except Exception:
        pass
    await session.commit()


async def rolled_back_inside(session: AsyncSession, a):
    users = Repository(session)
    try:
        await users.load_safely(a)
    except Exception:
        pass
    await session.commit()


async def other_error(session: AsyncSession, a):
    try:
        result = await session.execute(a)
        user = result.scalar_one()
    except NoResultFound:
        user = None
    await session.commit()
    return user


async def flagged(session: AsyncSession, a):
    ok = True
    try:
        await session.execute(a)
    except Exception:
        ok = False
    if not ok:
        return
    await session.commit()


async def in_finally(session: AsyncSession, a):
    try:
        try:
            await session.execute(a)
        finally:
            await session.rollback()
    except Exception:
        pass
    await session.commit()


async def replaced(a):
    session = Session()
    try:
        await session.execute(a)
    except Exception:
        session = Session()
    await session.commit()


async def only_closed(session: AsyncSession, a):
    try:
        await session.execute(a)
    except Exception:
        pass
    finally:
        await session.close()


async def tested_in_finally(session: AsyncSession, a):
    failed = None
    try:
        await session.execute(a)
    except BaseException as error:
        failed = error
        raise
    finally:
        if failed is None:
            await session.commit()


class Decrypting(Service):
    def __init__(self, session: AsyncSession, decrypt):
        self.session = session
        self.decrypt = decrypt

    async def all(self, rows):
        for row in rows:
            try:
                self.decrypt(row).decode()
            except Exception:
                print("failed")
        await self.session.commit()


async def raised_later(session: AsyncSession, a):
    problem = None
    try:
        await session.execute(a)
    except Exception as error:
        problem = error
    if problem is not None:
        raise RuntimeError from problem
    await session.commit()


async def collected(session: AsyncSession, a):
    problems = []
    try:
        await session.execute(a)
    except Exception as error:
        problems.append(error)
    if problems:
        raise ExceptionGroup("failed", problems)
    await session.commit()


async def returned(session: AsyncSession, a):
    result, problem = None, None
    try:
        result = await session.execute(a)
    except Exception as error:
        problem = str(error)
    if problem:
        return problem
    await session.commit()
    return result
