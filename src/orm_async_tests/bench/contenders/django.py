"""Django's asynchronous ORM on psycopg, with psycopg's pool; its queries run in one thread."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection, connections, models

from orm_async_tests.bench.contenders.given import (
    BATCH,
    COLUMNS,
    LATEST,
    Given,
    Login,
    Tally,
    idiomatic,
    tuned,
)

DATABASE = {"ENGINE": "django.db.backends.postgresql", "CONN_HEALTH_CHECKS": False}
settings.configure(USE_TZ=True, TIME_ZONE="UTC", DATABASES={"default": DATABASE})
django.setup()


class Mark(models.Model):
    """A row that a workload writes."""

    id = models.AutoField(primary_key=True)
    user_id = models.IntegerField()
    lat = models.FloatField()
    lon = models.FloatField()
    date = models.DateTimeField()

    class Meta:
        app_label, db_table = "bench", "marks"


class User(models.Model):
    """Somebody who records walks."""

    id = models.AutoField(primary_key=True)
    username = models.TextField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        app_label, db_table = "bench", "users"


class Point(models.Model):
    """A position of a walk."""

    id = models.AutoField(primary_key=True)
    user = models.ForeignKey(User, models.DO_NOTHING)
    lat = models.FloatField()
    lon = models.FloatField()
    date = models.DateTimeField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        app_label, db_table = "bench", "track_points"


@asynccontextmanager
async def connected(login: Login, size: int) -> AsyncIterator[None]:
    """A pool whose connections are open."""
    found = connections.settings["default"]
    found.update(HOST=login.host, PORT=login.port, NAME=login.database)
    found.update(USER=login.user, PASSWORD=login.password)
    found["OPTIONS"] = {"pool": {"min_size": size, "max_size": size}}
    await sync_to_async(_open)()
    yield
    await sync_to_async(_close)()


def _open() -> None:
    """In the thread in which asynchronous queries run: Django's connections belong to threads."""
    connection.pool.open()
    connection.pool.wait()
    connection.ensure_connection()


def _close() -> None:
    connection.close()
    connection.close_pool()
    del connections["default"]  # the next one has another host


@idiomatic
async def insert(_: None, given: Given) -> None:
    """abulk_create"""
    await Mark.objects.abulk_create([Mark(**mark) for mark in given.marks])


@idiomatic
async def update(_: None, given: Given) -> None:
    """abulk_update of objects, 1000 in a statement"""
    marks = [Mark(**change) for change in given.changes]
    await Mark.objects.abulk_update(marks, ["lat"], batch_size=BATCH)


@idiomatic
async def upsert(_: None, given: Given) -> None:
    """abulk_create with update_conflicts"""
    marks = [Mark(**change) for change in given.changes]
    how = {"unique_fields": ["id"], "update_fields": ["lat"]}
    await Mark.objects.abulk_create(marks, update_conflicts=True, **how)


@idiomatic
async def rows(_: None, given: Given) -> Tally:
    """async for over a filter, which fetches all rows first"""
    tally = given.tally()
    tally.objects([point async for point in Point.objects.filter(id__lte=given.read)])
    return tally


@tuned
async def rows_values(_: None, given: Given) -> Tally:
    """values_list: tuples"""
    tally = given.tally()
    every = Point.objects.filter(id__lte=given.read).values_list(*COLUMNS)
    tally.tuples([row async for row in every])
    return tally


@idiomatic
async def stream(_: None, given: Given) -> Tally:
    """aiterator, in chunks of 1000"""
    tally = given.tally()
    async for point in Point.objects.filter(id__lte=given.read).aiterator(chunk_size=BATCH):
        tally.object(point)
    return tally


@idiomatic
async def get(_: None, given: Given) -> Tally:
    """aget"""
    tally = given.tally()
    for key in given.keys:
        tally.object(await Point.objects.aget(pk=key))
    return tally


@idiomatic
async def tasks(_: None, given: Given) -> Tally:
    """aget, in ten tasks"""
    tally = given.tally()

    async def some(keys: list[int]) -> None:
        for key in keys:
            tally.object(await Point.objects.aget(pk=key))

    await asyncio.gather(*map(some, given.shares))
    return tally


@idiomatic
async def walk(_: None, given: Given) -> Tally:
    """aget and a query"""
    tally = given.tally()
    for key in given.users:
        tally.user((await User.objects.aget(pk=key)).username)
        newest = Point.objects.filter(user_id=key).order_by("-id")[:LATEST]
        tally.objects([point async for point in newest])
    return tally
