"""Tortoise ORM on asyncpg."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tortoise import Tortoise, fields
from tortoise.connection import get_connection
from tortoise.models import Model
from tortoise.transactions import in_transaction

from benchmarks.patterns.contenders.work import (
    COLUMNS,
    LATEST,
    Login,
    Tally,
    Work,
    idiomatic,
    tuned,
)


class Mark(Model):
    """A row that a workload writes."""

    id = fields.IntField(primary_key=True)
    user_id = fields.IntField()
    lat = fields.FloatField()
    lon = fields.FloatField()
    date = fields.DatetimeField()

    class Meta:
        table = "marks"


class User(Model):
    """A user who records walks."""

    id = fields.IntField(primary_key=True)
    username = fields.TextField()
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "users"


class Point(Model):
    """A position of a walk."""

    id = fields.IntField(primary_key=True)
    user: Any = fields.ForeignKeyField("bench.User")
    lat = fields.FloatField()
    lon = fields.FloatField()
    date = fields.DatetimeField()
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "track_points"


@asynccontextmanager
async def connected(login: Login, size: int) -> AsyncIterator[None]:
    """Open a pool with all of its connections, for the models of this module."""
    credentials = {**vars(login), "minsize": size, "maxsize": size}
    engine = {"engine": "tortoise.backends.asyncpg", "credentials": credentials}
    app = {"models": [__name__], "default_connection": "default"}
    await Tortoise.init({"connections": {"default": engine}, "apps": {"bench": app}})
    try:
        await get_connection("default").execute_query("SELECT 1")  # opens the whole pool
        yield
    finally:
        await Tortoise.close_connections()


@idiomatic
async def insert(_: None, work: Work) -> None:
    """bulk_create in a transaction"""
    async with in_transaction():
        await Mark.bulk_create([Mark(**mark) for mark in work.new_rows])


@idiomatic
async def update(_: None, work: Work) -> None:
    """bulk_update of objects"""
    async with in_transaction():
        await Mark.bulk_update([Mark(**change) for change in work.changed_rows], ["lat"])


@idiomatic
async def upsert(_: None, work: Work) -> None:
    """bulk_create with on_conflict"""
    marks = [Mark(**change) for change in work.changed_rows]
    async with in_transaction():
        await Mark.bulk_create(marks, on_conflict=["id"], update_fields=["lat"])


@idiomatic
async def rows(_: None, work: Work) -> Tally:
    """filter: a list of objects"""
    tally = work.start_tally()
    tally.add_objects(await Point.filter(id__lte=work.read))
    return tally


@tuned
async def rows_values(_: None, work: Work) -> Tally:
    """values_list: tuples"""
    tally = work.start_tally()
    tally.add_tuples(await Point.filter(id__lte=work.read).values_list(*COLUMNS))
    return tally


@idiomatic
async def stream(_: None, work: Work) -> Tally:
    """async for, which fetches all rows first"""
    tally = work.start_tally()
    async for point in Point.filter(id__lte=work.read):
        tally.add_object(point)
    return tally


@idiomatic
async def get(_: None, work: Work) -> Tally:
    """Model.get"""
    tally = work.start_tally()
    for key in work.keys:
        tally.add_object(await Point.get(id=key))
    return tally


@idiomatic
async def tasks(_: None, work: Work) -> Tally:
    """Model.get, in ten tasks"""
    tally = work.start_tally()

    async def read_keys(keys: list[int]) -> None:
        for key in keys:
            tally.add_object(await Point.get(id=key))

    await asyncio.gather(*map(read_keys, work.keys_by_task))
    return tally


@idiomatic
async def walk(_: None, work: Work) -> Tally:
    """Model.get and a query"""
    tally = work.start_tally()
    for key in work.user_ids:
        tally.add_user_name((await User.get(id=key)).username)
        tally.add_objects(await Point.filter(user_id=key).order_by("-id").limit(LATEST))
    return tally
