import os
from functools import partial
from typing import Any

from pool_options import QUEUE_OPTIONS
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import create_async_engine

URL = "postgresql+asyncpg://localhost/shop"
TESTING = bool(os.getenv("TESTING"))
open_engine = partial(create_async_engine, poolclass=NullPool)

bound = open_engine(URL, pool_size=5)  # OAT402
POOL = {"poolclass": NullPool} if TESTING else {}
spread = create_async_engine(URL, pool_size=5, **POOL)  # OAT402


async def pools():
    return create_async_engine(URL, **QUEUE_OPTIONS)  # OAT402


class Database:
    def __init__(self, *, testing: bool) -> None:
        self.options: dict[str, Any] = {"pool_size": 10}
        if testing:
            self.options["poolclass"] = NullPool
        self.engine = create_async_engine(URL, **self.options)  # OAT402


# Right


def build(*, testing: bool):
    options = {"pool_size": 10, "echo": True}
    if testing:
        options["poolclass"] = NullPool
        options.pop("pool_size")
    return create_async_engine(URL, **options)


def build_again(*, testing: bool):
    options = {"pool_size": 10, "echo": True}
    if testing:
        options |= {"poolclass": NullPool}
        del options["pool_size"]
    return create_async_engine(URL, **options)


echoing = open_engine(URL, echo=True)


def in_two_branches(*, testing: bool):
    options = {"echo": True}
    if testing:
        options["poolclass"] = NullPool
    if not testing:
        options["pool_size"] = 5
    return create_async_engine(URL, **options)


def in_two_expressions(*, testing: bool):
    first = {"poolclass": NullPool} if testing else {}
    second = {"pool_size": 5} if not testing else {}
    third = {} if testing else {"max_overflow": 5}
    return create_async_engine(URL, **first, **second, **third)


def in_a_branch_that_returns(*, testing: bool):
    options = {"echo": True}
    if testing:
        options["poolclass"] = NullPool
        return create_async_engine(URL, **options)
    options["pool_size"] = 5
    return create_async_engine(URL, **options)


def without_some_options(*names: str):
    options = {"poolclass": NullPool, "pool_size": 10}
    for name in names:
        options.pop(name)
    return create_async_engine(URL, **options)


def without_all_options():
    options = {"poolclass": NullPool, "pool_size": 10}
    options.clear()
    return create_async_engine(URL, **options)


def for_two_databases(options: dict[str, object]):
    if "sqlite" in URL:
        return create_async_engine(URL, connect_args={"check_same_thread": False})
    if "sqlite" not in URL:
        return create_async_engine(URL, connect_args={"charset": "utf8"})  # OAT402
