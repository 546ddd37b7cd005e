"""A full collection visits all there is; after gc.freeze() only what came since.

A large load makes so many objects that Python's collector starts, and now and then it is a full
collection: that looks at every module, class and mapper there is, as long as the program is
large. Those that stay until the end can be frozen once all is imported, before requests come.

It does not show the time: of a service with FastAPI a full collection took a tenth of a second.

Docs: https://docs.python.org/3/library/gc.html#gc.freeze
"""

import gc

from sqlalchemy import URL, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from orm_async_tests.harness import Observation, Processes, main_of, right, wrong
from orm_async_tests.models import User


async def visited(url: URL) -> dict[str, bool]:
    engine = create_async_engine(url)
    async with AsyncSession(engine) as session:
        users = (await session.scalars(select(User))).all()
        found = {id(each) for each in gc.get_objects()}
    await engine.dispose()
    return {"the class": id(User) in found, "a user": id(users[0]) in found}


async def visited_when_frozen(url: URL) -> dict[str, bool]:
    gc.freeze()
    return await visited(url)


@wrong
async def as_it_is(url: URL, processes: Processes) -> dict[str, bool]:
    """load users in a new process: what would a full collection visit?"""
    return await processes.run(visited, url)


@right
async def frozen(url: URL, processes: Processes) -> dict[str, bool]:
    """the same after gc.freeze()"""
    return await processes.run(visited_when_frozen, url)


def check(as_it_is: Observation, frozen: Observation) -> None:
    assert as_it_is.value == {"the class": True, "a user": True}
    assert frozen.value == {"the class": False, "a user": True}


main = main_of(__name__)
