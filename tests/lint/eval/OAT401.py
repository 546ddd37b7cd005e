import sqlalchemy as sa
import sqlalchemy.ext.asyncio as aio
from sqlalchemy.ext.asyncio import create_async_engine

URL = "postgresql+asyncpg://localhost/shop"
HALF = {"statement_cache_size": 0}
BOTH = {**HALF, "prepared_statement_cache_size": 0}
OPTIONS = {"pool_pre_ping": True, "connect_args": HALF}

direct = create_async_engine(URL, connect_args={"statement_cache_size": 0})  # OAT401
by_name = create_async_engine(URL, connect_args=HALF)  # OAT401
by_options = aio.create_async_engine(URL, **OPTIONS)  # OAT401
by_dict = create_async_engine(URL, connect_args=dict(statement_cache_size=0))  # OAT401
other = create_async_engine(URL, connect_args={"prepared_statement_cache_size": 0})  # OAT401
in_url = create_async_engine(URL + "?prepared_statement_cache_size=0")  # OAT401
formatted = create_async_engine(f"{URL}?ssl=1", connect_args=HALF)  # OAT401
created = create_async_engine(  # OAT401
    url=sa.URL.create("postgresql+asyncpg", query={"prepared_statement_cache_size": "0"})
)
changed = {}
changed["statement_cache_size"] = 0
by_change = create_async_engine(URL, connect_args=changed)  # OAT401

# Right

completed = dict(HALF)
completed.update(prepared_statement_cache_size=0)
both_changed = create_async_engine(URL, connect_args=completed)
popped = dict(HALF)
popped.pop("statement_cache_size")
without = create_async_engine(URL, connect_args=popped)

both = create_async_engine(URL, connect_args=BOTH)
spread = create_async_engine(URL + "?prepared_statement_cache_size=0", connect_args=HALF)
named = create_async_engine(
    URL, connect_args={**HALF, "prepared_statement_name_func": lambda: "name"}
)
neither = create_async_engine(URL, connect_args={"timeout": 5})
