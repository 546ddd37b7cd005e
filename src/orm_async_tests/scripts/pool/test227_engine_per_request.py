"""If every request creates an engine, nothing limits the total number of connections.

The settings pool_size and max_overflow limit the pool of one engine. If every request has its own
engine, the server refuses connections under load (53300). Create one engine when the process
starts. If you dispose an engine at the end of each request, every request has to connect and log in
again.

Docs: https://docs.sqlalchemy.org/en/21/core/connections.html#basic-usage
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import (
    Activity,
    MakeEngine,
    Observation,
    main_of,
    right,
    variant,
    wrong,
)
from orm_async_tests.models import User

REQUESTS = 8


async def respond(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(select(User))


@wrong
async def engine_per_request(make_engine: MakeEngine, activity: Activity) -> dict[str, int]:
    """create an engine for every request"""
    for _ in range(REQUESTS):
        await respond(make_engine())
    return {"open connections": len(await activity.pids())}


@variant
async def disposed_per_request(make_engine: MakeEngine, activity: Activity) -> dict[str, int]:
    """create an engine for every request, and dispose the engine at the end"""
    connections = set[int]()
    for _ in range(REQUESTS):
        engine = make_engine()
        await respond(engine)
        connections.update(await activity.pids())
        await engine.dispose()
    await activity.until_open(0)
    return {"opened connections": len(connections)}


@right
async def one_engine(make_engine: MakeEngine, activity: Activity) -> dict[str, int]:
    """create one engine for all requests"""
    engine = make_engine()
    for _ in range(REQUESTS):
        await respond(engine)
    return {"open connections": len(await activity.pids())}


def check(
    engine_per_request: Observation, disposed_per_request: Observation, one_engine: Observation
) -> None:
    assert engine_per_request.value == {"open connections": REQUESTS}
    assert disposed_per_request.value == {"opened connections": REQUESTS}
    assert one_engine.value == {"open connections": 1}


main = main_of(__name__)
