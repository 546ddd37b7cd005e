from functools import partial

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import create_async_engine

half_on = partial(create_async_engine, connect_args={"statement_cache_size": 0})  # OAT401

# Right

BASE = URL.create("postgresql+asyncpg", host="pgbouncer")
both_off = BASE.update_query_dict({"prepared_statement_cache_size": "0"})
create_async_engine(both_off, connect_args={"statement_cache_size": 0})
create_async_engine("postgresql+psycopg://localhost/shop", connect_args={"statement_cache_size": 0})
create_async_engine("sqlite+aiosqlite://", connect_args={"statement_cache_size": 0})
