import sqlalchemy
from sqlalchemy import NullPool, create_engine, pool
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, QueuePool

URL = "postgresql+asyncpg://localhost/shop"

sized = create_async_engine(URL, poolclass=NullPool, pool_size=5)  # OAT402
by_module = create_async_engine(URL, poolclass=pool.NullPool, max_overflow=5)  # OAT402
queue = create_async_engine(URL, poolclass=QueuePool)  # OAT402
synchronous = create_engine(URL)  # OAT402
by_package = sqlalchemy.create_engine("sqlite+aiosqlite:///file")  # OAT402
wrong_driver = create_async_engine("postgresql+psycopg2://localhost/shop")  # OAT402
number = create_async_engine(URL + "?max_cached_statement_lifetime=5")  # OAT402
size = create_async_engine(URL + "?max_cacheable_statement_size=5")  # OAT402
cursors = create_async_engine(URL, server_side_cursors=True)  # OAT402
libpq = create_async_engine(URL + "?sslmode=require")  # OAT402
OPTIONS = {"poolclass": NullPool}
OPTIONS["pool_size"] = 5
by_options = create_async_engine(URL, **OPTIONS)  # OAT402

# Right

float_of_text = create_async_engine(URL + "?command_timeout=5")
no_cursors = create_async_engine(URL, server_side_cursors=False)
of_psycopg = create_async_engine("postgresql+psycopg://localhost/shop?sslmode=require")

no_pool = create_async_engine(URL, poolclass=NullPool, pool_pre_ping=True)
adapted = create_async_engine(URL, poolclass=AsyncAdaptedQueuePool, pool_size=5)
psycopg = create_engine("postgresql+psycopg://localhost/shop")
sync_queue = create_engine("postgresql+psycopg2://localhost/shop", poolclass=QueuePool)
