import asyncio
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Job(Base):
    __tablename__ = "job"
    key: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]
    ran_at: Mapped[datetime | None]


class Jobs:
    def __init__(self, session: AsyncSession):
        self.session = session

    async def find(self, key):
        return await self.session.scalar(select(Job).where(Job.key == key))

    async def finish(self, key):
        job = await self.find(key)
        job.state = "done"
        await self.session.flush()

    async def insert(self, key):
        self.session.add(Job(key=key, state="new"))
        await self.session.flush()

    async def insert_if_new(self, key):
        job = await self.find(key)
        if job is None:
            async with self.session.begin_nested():
                self.session.add(Job(key=key, state="new"))
                await self.session.flush()


async def stores_a_new_row(session: AsyncSession, client, keys):
    for key in keys:
        try:
            await client.post(f"/run/{key}")
            session.add(Job(key=key, state="done"))
            await session.commit()  # OAT201
        except Exception:
            print("failed")


async def inserts_in_a_helper(session: AsyncSession, client, keys):
    jobs = Jobs(session)
    for key in keys:
        try:
            await client.post(f"/run/{key}")
            await jobs.insert(key)  # OAT201
        except Exception:
            print("failed")


async def runs_special_sql(session: AsyncSession, client, keys):
    for key in keys:
        try:
            await client.post(f"/run/{key}")
            await session.execute(text("SELECT finish(:key)"), {"key": key})  # OAT201
        except Exception:
            print("failed")


async def handles_the_other_errors_itself(session: AsyncSession, client, jobs):
    for job in jobs:
        try:
            try:
                answer = await client.get("/state")
            except Exception:
                continue
            job.state = answer.text
            await session.flush()  # OAT201
        except Exception:
            print("failed")


async def changes_no_other_code(session: AsyncSession, jobs):
    for job in jobs:
        try:
            job.state = "done"
            await session.flush()  # OAT201
        except Exception:
            print("failed")


async def audit(session: AsyncSession, key):
    try:
        async with session.begin_nested():
            await Jobs(session).insert(key)
    except IntegrityError:
        print("known")


async def audits_later(session: AsyncSession, client, key):
    try:
        await client.post(f"/run/{key}")
        await Jobs(session).insert(key)  # OAT201
    except Exception:
        print("failed")
    await audit(session, key)


async def waits(session: AsyncSession, job: Job):
    for _ in range(3):
        try:
            job.state = "done"
            await asyncio.wait_for(session.commit(), 5)  # OAT201
        except TimeoutError:
            await session.rollback()
        except Exception:
            await asyncio.sleep(1)


async def loses_a_race(session: AsyncSession, key):
    jobs = Jobs(session)
    try:
        await jobs.insert(key)  # OAT201
    except IntegrityError:
        print("known")
    return await jobs.find(key)


async def locks(session: AsyncSession, key):
    try:
        await session.execute(select(func.pg_advisory_lock(key)))  # OAT201
    except Exception:
        print("not locked")
    await session.commit()


# Right


async def runs_jobs(session: AsyncSession, client, keys):
    jobs = Jobs(session)
    for key in keys:
        try:
            await client.post(f"/run/{key}")
            await jobs.finish(key)
        except Exception:
            print("failed")


async def updates_and_deletes(session: AsyncSession, client, job: Job):
    statement = update(Job).where(Job.key == job.key).values(ran_at=None)
    try:
        if (await client.post("/run")).status_code == 404:
            statement = delete(Job).where(Job.key == job.key)
        await session.execute(statement)
    except Exception:
        print("failed")
    await session.commit()


async def push(session: AsyncSession, client, key):
    result = await session.execute(select(Job).where(Job.key == key))
    job = result.scalar_one_or_none()
    await client.post("/push", job.state)
    job.ran_at = datetime.now()
    session.add(job)
    await session.commit()


async def pushes(session: AsyncSession, client, key):
    try:
        await push(session, client, key)
    except Exception:
        print("not sent")
    await session.commit()


async def finds_nothing(session: AsyncSession, key):
    jobs = Jobs(session)
    try:
        job = await jobs.find(key)
    except IntegrityError:
        job = None
    await session.execute(insert(Job).values(key=key))
    return job


async def inserts_in_a_savepoint(session: AsyncSession, key):
    try:
        await Jobs(session).insert_if_new(key)
    except Exception:
        print("not stored")
    await session.commit()


async def uses_an_unknown_session(manager, keys):
    async with manager.session() as session:
        jobs = Jobs(session)
        for key in keys:
            try:
                async with session.begin_nested():
                    await jobs.insert(key)
            except Exception:
                print("known")


@asynccontextmanager
async def locked(session: AsyncSession, key):
    await session.execute(select(func.pg_advisory_lock(key)))
    try:
        yield
    finally:
        try:
            await session.execute(select(func.pg_advisory_unlock(key)))
        except Exception:
            print("PostgreSQL has released the lock")


async def works_with_a_lock(session: AsyncSession, key):
    async with locked(session, key):
        return await Jobs(session).find(key)
