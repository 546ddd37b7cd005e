import os
from typing import Any

from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

URL = "postgresql+asyncpg://localhost/a"
updated: dict[str, Any] = {"timeout": 5}
if os.getenv("PGBOUNCER"):
    updated.update(statement_cache_size=0)
create_async_engine(URL, connect_args=updated)  # OAT401
merged: dict[str, Any] = {}
merged |= {"statement_cache_size": 0}
create_async_engine(URL, connect_args=merged)  # OAT401


class Configuration:
    host = "localhost"

    @property
    def url(self) -> str:
        return f"postgresql+psycopg2://{self.host}/a"

    @property
    def async_url(self) -> str:
        return f"postgresql+asyncpg://{self.host}/a"


configuration = Configuration()
create_async_engine(configuration.url)  # OAT402


# Right

both: dict[str, Any] = {"timeout": 5}
if os.getenv("PGBOUNCER"):
    both["statement_cache_size"] = 0
    both |= {"prepared_statement_cache_size": 0}
create_async_engine(URL, connect_args=both)
create_async_engine(configuration.async_url)
options: dict[str, Any] = {"echo": True}
if os.getenv("TESTING"):
    options["poolclass"] = NullPool
else:
    options.update(pool_size=10)
create_async_engine(URL, **options)
