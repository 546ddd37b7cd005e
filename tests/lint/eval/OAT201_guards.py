import contextlib
import enum
from abc import ABC, abstractmethod

from sqlalchemy.ext.asyncio import AsyncSession


async def rollback_in_a_guard(session: AsyncSession, items, log):
    for item in items:
        try:
            await session.execute(item)
        except Exception as error:
            log(error)
            try:
                await session.rollback()
            except Exception as failure:
                log(failure)


async def rollback_in_suppress(session: AsyncSession, a):
    try:
        await session.execute(a)
    except Exception:
        with contextlib.suppress(Exception):
            await session.rollback()
    await session.commit()


async def statement_in_a_guard(session: AsyncSession, a, b):
    try:
        await session.execute(a)  # OAT201
    except Exception:
        try:
            await session.execute(b)
        except Exception:
            await session.rollback()


class Role(enum.Enum):
    VIP = "vip"


async def log_role(session: AsyncSession, user, previous: Role | None = None):
    if previous is None:
        previous = await session.scalar(user)
    session.add(previous)


async def log_new_role(session: AsyncSession, user):
    with contextlib.suppress(Exception):
        await log_role(session, user)  # OAT201
    await session.commit()


async def log_known_role(session: AsyncSession, user):
    with contextlib.suppress(Exception):
        await log_role(session, user, Role.VIP)
    await session.commit()


class Failure:
    """What a repository returns after an error."""


async def load(session: AsyncSession, key):
    try:
        return await session.scalar(key)
    except Exception:
        return Failure()


def refuse(failure):
    raise ValueError(failure)


async def refused(session: AsyncSession, key):
    result = await load(session, key)
    if isinstance(result, Failure):
        refuse(result)
    await session.commit()


async def load_all(session: AsyncSession, key):
    try:
        return (await session.scalars(key)).all()
    except Exception:
        return []


async def loop_over_nothing(session: AsyncSession, key):
    rows = await load_all(session, key)
    for row in rows:
        await session.delete(row)


async def after_a_loop(session: AsyncSession, key, worker):
    with contextlib.suppress(Exception):
        await session.execute(key)  # OAT201
    while worker.is_running:
        worker.stop()
    await session.commit()


async def filled_elsewhere(session: AsyncSession, keys):
    names: dict[str, int] = {}
    names.update(keys)
    for name in names:
        with contextlib.suppress(Exception):
            await session.execute(name)  # OAT201
    if not names:
        return
    await session.commit()


async def without_await(session: AsyncSession, key):
    with contextlib.suppress(Exception):
        session.flush()  # OAT103
    await session.execute(key)


class Users:
    def __init__(self, session: AsyncSession):
        self.session = session

    async def find(self, name):
        return await self.session.execute(name)


class AnyUnit(ABC):
    users: Users

    @abstractmethod
    async def __aenter__(self): ...

    @abstractmethod
    async def __aexit__(self, *error): ...


class Keeper:
    users: Users

    async def __aenter__(self): ...

    async def __aexit__(self, *error):
        print("not rolled back")


class Service:
    def __init__(self, unit: AnyUnit, keeper: Keeper):
        self.unit, self.keeper = unit, keeper

    async def _find(self, name):
        try:
            async with self.unit:
                return await self.unit.users.find(name)
        except Exception:
            return None

    async def find(self, name, other):
        return await self._find(name) or await self._find(other)

    async def find_kept(self, name, other):
        try:
            async with self.keeper:
                return await self.keeper.users.find(name)  # OAT201
        except Exception:
            return await self.keeper.users.find(other)


class Notes:
    def __init__(self):
        self._session: AsyncSession | None = None

    @property
    def session(self) -> AsyncSession:
        return self._session

    @session.setter
    def session(self, session):
        self._session = session

    async def save(self, note):
        try:
            await self.session.execute(note)  # OAT201
        except Exception:
            print("not saved")
        await self.session.commit()
