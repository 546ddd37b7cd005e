"""Tortoise ORM on asyncpg."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tortoise import Tortoise, fields
from tortoise.connection import get_connection
from tortoise.models import Model
from tortoise.transactions import in_transaction

from benchmarks.patterns.work import (
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
async def rows(_: None, work: Work, tally: Tally) -> None:
    """filter: a list of objects"""
    tally.add_objects(await Point.filter(id__lte=work.read))


@tuned
async def rows_values(_: None, work: Work, tally: Tally) -> None:
    """values_list: tuples"""
    tally.add_tuples(await Point.filter(id__lte=work.read).values_list(*COLUMNS))


@idiomatic
async def stream(_: None, work: Work, tally: Tally) -> None:
    """async for, which fetches all rows first"""
    async for point in Point.filter(id__lte=work.read):
        tally.add_object(point)


@idiomatic
async def get(_: None, key: int, tally: Tally) -> None:
    """Model.get"""
    tally.add_object(await Point.get(id=key))


@idiomatic
async def walk(_: None, work: Work, tally: Tally) -> None:
    """Model.get and a query"""
    for key in work.user_ids:
        tally.add_user_name((await User.get(id=key)).username)
        tally.add_objects(await Point.filter(user_id=key).order_by("-id").limit(LATEST))
