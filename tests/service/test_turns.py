"""Who has waited longest is next, and nobody waits for ever."""

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from orm_async_tests import db
from orm_async_tests.service.reads import Reader
from orm_async_tests.service.turns import Turns

CLIENTS, TIMES = 5, 4
ONE = text("SELECT 1")


async def served(tables: db.Database) -> list[int]:
    """Which client was answered when, of some who ask again at once."""
    engine = create_async_engine(tables.url)
    reader = Reader(engine, Turns(1, patience=30), Turns(20, patience=30))
    answered = []

    async def client(number: int) -> None:
        for _ in range(TIMES):
            await reader.rows(ONE, {})
            answered.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(client(number))
    await engine.dispose()
    return answered


def test_clients_who_ask_again_at_once_are_served_in_turn(tables: db.Database) -> None:
    assert asyncio.run(served(tables)) == list(range(CLIENTS)) * TIMES


def test_a_turn_is_given_back_by_whoever_failed_or_did_not_get_it() -> None:
    async def failed_and_waited() -> list[str]:
        turns, seen = Turns(1, patience=0.01), []
        try:
            async with turns:
                try:
                    async with turns:
                        seen.append("two at a time")
                except TimeoutError:
                    seen.append("waited")
                raise LookupError
        except LookupError:
            seen.append("failed")
        async with turns:
            seen.append("had it")
        return seen

    assert asyncio.run(failed_and_waited()) == ["waited", "failed", "had it"]
