from typing import Any

from dependency_injector import containers, providers
from sqlalchemy import NullPool, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

URL = "postgresql+asyncpg://localhost/shop"

of_sqlite = create_async_engine(URL, connect_args={"check_same_thread": False})  # OAT402


class Container(containers.DeclarativeContainer):
    engine = providers.Singleton(create_engine, URL)  # OAT402


# Right


def build(testing: bool):
    options: dict[str, Any] = {}
    if testing:
        options["poolclass"] = NullPool
    else:
        options["pool_size"] = 10
    return create_async_engine(URL, **options)
