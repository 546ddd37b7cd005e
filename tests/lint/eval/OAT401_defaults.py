from dataclasses import dataclass, field

from sqlalchemy import URL as Address
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.ext.asyncio import create_async_engine as connect_to

URL = "postgresql+asyncpg://localhost/shop?prepared_statement_cache_size=0"


class Database:
    def __init__(self, url: str = URL) -> None:
        self.engine = create_async_engine(url)  # OAT401


def address(host: str) -> Address:
    query = {"prepared_statement_cache_size": "0"}
    return Address.create("postgresql+asyncpg", host=host, query=query)


def build(host: str):
    return connect_to(address(host))  # OAT401


@dataclass
class PoolerSettings:
    url: str = "postgresql+asyncpg://pooler/shop"
    driver_options: dict = field(default_factory=lambda: {"prepared_statement_cache_size": 0})
    all_options: dict = field(default_factory=lambda: {**HALF, "statement_cache_size": 0})
    no_options: dict = field(default_factory=dict)


HALF = {"prepared_statement_cache_size": 0}


def connect(settings: PoolerSettings):
    return connect_to(settings.url, connect_args=settings.driver_options)  # OAT401


# Right


class DatabaseWithoutCaches:
    def __init__(self, url: str = URL) -> None:
        self.engine = create_async_engine(url, connect_args={"statement_cache_size": 0})


def connect_without_caches(settings: PoolerSettings):
    return connect_to(settings.url, connect_args=settings.all_options)


def connect_with_caches(settings: PoolerSettings):
    return connect_to(settings.url, connect_args=settings.no_options)
