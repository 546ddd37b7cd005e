"""A full collection visits all there is; after gc.freeze() only what came since.

A large load makes so many objects that Python's collector starts, and now and then it is a full
collection: that looks at every module, class and mapper there is, as long as the program is
large. Those that stay until the end can be frozen once all is imported, before requests come.

It does not show the time: of a service with FastAPI a full collection took a tenth of a second.

Docs: https://docs.python.org/3/library/gc.html#gc.freeze
"""

import gc

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Seen, main_of, right, wrong
from orm_async_tests.models import User


@wrong
async def as_it_is(session: AsyncSession) -> dict[str, bool]:
    """load users: what would a full collection visit?"""
    gc.unfreeze()  # what was frozen before this way
    users = (await session.scalars(select(User))).all()
    visited = {id(each) for each in gc.get_objects()}
    return {"the class": id(User) in visited, "a user": id(users[0]) in visited}


@right
async def frozen(session: AsyncSession) -> dict[str, bool]:
    """the same after gc.freeze()"""
    gc.freeze()
    users = (await session.scalars(select(User))).all()
    visited = {id(each) for each in gc.get_objects()}
    gc.unfreeze()  # for whoever comes after: a program leaves it
    return {"the class": id(User) in visited, "a user": id(users[0]) in visited}


def check(as_it_is: Seen, frozen: Seen) -> None:
    assert as_it_is.value == {"the class": True, "a user": True}
    assert frozen.value == {"the class": False, "a user": True}


main = main_of(__name__)
