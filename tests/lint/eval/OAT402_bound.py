from functools import partial
from typing import Any

from dependency_injector import containers, providers
from sqlalchemy import AssertionPool, NullPool, StaticPool, create_engine
from sqlalchemy.ext.asyncio import async_engine_from_config, create_async_engine

URL = "postgresql+asyncpg://localhost/shop"

of_sqlite = create_async_engine(URL, connect_args={"check_same_thread": False})  # OAT402


class Container(containers.DeclarativeContainer):
    engine = providers.Singleton(create_engine, URL)  # OAT402


CONFIG = {"sqlalchemy.url": "postgresql+psycopg2://localhost/shop"}
from_config = async_engine_from_config(CONFIG)  # OAT402
single = partial(create_async_engine, poolclass=StaticPool)
sized = single(URL, pool_size=1)  # OAT402
without_size = create_async_engine(URL, poolclass=AssertionPool, pool_timeout=3)  # OAT402


# Right


def build(testing: bool):
    options: dict[str, Any] = {}
    if testing:
        options["poolclass"] = NullPool
    else:
        options["pool_size"] = 10
    return create_async_engine(URL, **options)


def by_driver(url: str):
    if "psycopg" in url:
        return {"sslmode": "require"}
    return {"ssl": "require"}


in_one_case = create_async_engine(URL, connect_args=by_driver(URL))
