"""Routes for liveness, readiness and metrics."""

import time
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests import migrations
from orm_async_tests.service.problems import RETRY_AFTER, problem_responses
from orm_async_tests.service.sessions import WriteSession
from orm_async_tests.service.state import state_of

router = APIRouter(tags=["health"])


def make_metrics(engines: Sequence[AsyncEngine]) -> CollectorRegistry:
    registry = CollectorRegistry()
    pools: list[Any] = [engine.pool for engine in engines]
    checked_out = Gauge("pool_checked_out", "Connections in use.", registry=registry)
    checked_out.set_function(lambda: sum(pool.checkedout() for pool in pools))
    idle = Gauge("pool_idle", "Idle connections in the pools.", registry=registry)
    idle.set_function(lambda: sum(pool.checkedin() for pool in pools))
    seconds = Histogram(
        "statement_seconds", "Duration of a statement in seconds.", registry=registry
    )

    def before(*arguments: Any) -> None:
        arguments[4]._started = time.perf_counter()  # arguments[4] is the execution context

    def after(*arguments: Any) -> None:
        seconds.observe(time.perf_counter() - arguments[4]._started)

    for engine in engines:
        event.listen(engine.sync_engine, "before_cursor_execute", before)
        event.listen(engine.sync_engine, "after_cursor_execute", after)
    return registry


@router.get("/health/live")
async def live() -> dict[str, str]:
    """Answer 200 as long as the process runs, without using the database."""
    return {"status": "alive"}


@router.get("/health/ready", responses=problem_responses())
async def ready(session: WriteSession) -> dict[str, str]:
    """Answer 200 if the database is reachable and has all migrations, otherwise 503."""
    await session.execute(text("SELECT 1"))
    connection = await session.connection()
    state = await connection.run_sync(migrations.read_state, *migrations.HISTORIES.values())
    if state != "current":
        commands = "alembic upgrade head, alembic -n service upgrade head"
        raise HTTPException(503, f"the database is {state}: {commands}", RETRY_AFTER)
    return {"status": "ready"}


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Return the metrics in the text format of Prometheus."""
    return Response(generate_latest(state_of(request.app).metrics), media_type=CONTENT_TYPE_LATEST)
