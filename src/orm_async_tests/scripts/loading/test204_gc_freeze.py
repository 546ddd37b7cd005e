"""A full garbage collection scans all objects, but after gc.freeze() only the newer objects.

Loading many rows creates so many objects that Python's garbage collector runs, and some of its runs
are full collections. A full garbage collection scans every module, class and mapper of the program.
In a FastAPI service, a full garbage collection took 0.1 s. Call gc.freeze() once, after the imports
and before the first request.

Docs: https://docs.python.org/3/library/gc.html#gc.freeze
"""

import gc

from sqlalchemy import URL, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from orm_async_tests.harness import Observation, Processes, main_of, right, wrong
from orm_async_tests.models import User


async def list_scanned(url: URL) -> dict[str, bool]:
    engine = create_async_engine(url)
    async with AsyncSession(engine) as session:
        users = (await session.scalars(select(User))).all()
        scanned = {id(member) for member in gc.get_objects()}
    await engine.dispose()
    return {"the class": id(User) in scanned, "a user": id(users[0]) in scanned}


async def freeze_and_list_scanned(url: URL) -> dict[str, bool]:
    gc.freeze()
    return await list_scanned(url)


@wrong
async def unfrozen(url: URL, processes: Processes) -> dict[str, bool]:
    """load users in a new process, and list the objects that a full garbage collection visits"""
    return await processes.run(list_scanned, url)


@right
async def frozen(url: URL, processes: Processes) -> dict[str, bool]:
    """load users in a new process after gc.freeze(), and list what a full collection visits"""
    return await processes.run(freeze_and_list_scanned, url)


def check(unfrozen: Observation, frozen: Observation) -> None:
    assert unfrozen.value == {"the class": True, "a user": True}
    assert frozen.value == {"the class": False, "a user": True}


main = main_of(__name__)
