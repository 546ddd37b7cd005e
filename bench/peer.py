"""The endpoint that bench/pages.py compares the service with: FastAPI, asyncpg and pydantic.

It is what one writes without an ORM: a pool, two statements, a model for each row. It has none of
what the service promises beside the answer: no limits, no HEAD, no problem documents.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import asyncpg
from fastapi import FastAPI, HTTPException, Path, Query
from sqlalchemy import make_url

from orm_async_tests.service.schemas import Page, PointOut

POOL = 20
USER = "SELECT id FROM users WHERE id = $1"
POINTS = """SELECT id, user_id, lat, lon, date FROM track_points
    WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3"""


def create_app() -> FastAPI:
    """The application on the database of DATABASE_URL."""
    url = make_url(os.environ["DATABASE_URL"])

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.pool = await asyncpg.create_pool(
            user=url.username,
            password=url.password,
            host=url.query.get("host", url.host),
            port=url.port,
            database=url.database,
            min_size=POOL,
            max_size=POOL,
            server_settings={"timezone": "UTC"},
        )
        yield
        await app.state.pool.close()

    app = FastAPI(lifespan=lifespan)

    @app.get("/users/{user_id}/points")
    async def points(
        user_id: Annotated[int, Path(ge=1)],
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Page[PointOut]:
        async with app.state.pool.acquire() as connection:
            if await connection.fetchval(USER, user_id) is None:
                raise HTTPException(404, "there is no such user")
            rows = await connection.fetch(POINTS, user_id, after, limit + 1)
        found = [PointOut(**row) for row in rows]
        more = len(found) > limit
        return Page(items=found[:limit], next=found[limit - 1].id if more else None)

    return app
