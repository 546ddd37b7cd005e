"""The endpoint that bench/pages.py compares the service with: FastAPI and Tortoise ORM.

It is what Tortoise's documentation shows: its registration with FastAPI, a queryset, and objects
that pydantic reads. It runs in an environment of its own, without this project.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

from fastapi import FastAPI, HTTPException, Path, Query
from pydantic import BaseModel, ConfigDict
from tortoise import fields
from tortoise.contrib.fastapi import RegisterTortoise
from tortoise.models import Model

POOL = 20
LOGIN = ("host", "port", "user", "password", "database")


class User(Model):
    """Somebody who records walks."""

    id = fields.IntField(primary_key=True)
    username = fields.TextField()

    class Meta:
        table = "users"


class Point(Model):
    """A position of a walk."""

    id = fields.IntField(primary_key=True)
    user = fields.ForeignKeyField("bench.User", related_name="points")
    lat = fields.FloatField()
    lon = fields.FloatField()
    date = fields.DatetimeField()

    class Meta:
        table = "track_points"


class PointOut(BaseModel):
    """A point."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    user_id: int
    lat: float
    lon: float
    date: datetime


class Page(BaseModel):
    """Some points in the order of their ids; `next` is the `after` of the next page, if any."""

    items: list[PointOut]
    next: int | None


def create_app() -> FastAPI:
    """The application on the database of PGHOST and the others."""
    credentials = {name: os.environ[f"PG{name.upper()}"] for name in LOGIN}
    credentials |= {"minsize": POOL, "maxsize": POOL}
    engine = {"engine": "tortoise.backends.asyncpg", "credentials": credentials}
    models = {"models": [__name__], "default_connection": "default"}
    config = {"connections": {"default": engine}, "apps": {"bench": models}}

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with RegisterTortoise(app, config):
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/users/{user_id}/points")
    async def points(
        user_id: Annotated[int, Path(ge=1)],
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Page:
        if not await User.exists(id=user_id):
            raise HTTPException(404, "there is no such user")
        mine = Point.filter(user_id=user_id, id__gt=after).order_by("id")
        found = [PointOut.model_validate(point) for point in await mine.limit(limit + 1)]
        more = len(found) > limit
        return Page(items=found[:limit], next=found[limit - 1].id if more else None)

    return app
