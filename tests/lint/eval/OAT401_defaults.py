from sqlalchemy.ext.asyncio import create_async_engine

URL = "postgresql+asyncpg://localhost/shop?prepared_statement_cache_size=0"


class Database:
    def __init__(self, url: str = URL) -> None:
        self.engine = create_async_engine(url)  # OAT401


# Right


class DatabaseWithoutCaches:
    def __init__(self, url: str = URL) -> None:
        self.engine = create_async_engine(url, connect_args={"statement_cache_size": 0})
