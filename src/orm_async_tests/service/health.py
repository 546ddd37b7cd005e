"""Liveness, readiness and metrics."""

import time
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from sqlalchemy import event, text

from orm_async_tests import migrations
from orm_async_tests.service.engines import Engines
from orm_async_tests.service.problems import RETRY_AFTER, problem_responses
from orm_async_tests.service.sessions import WriteSession

router = APIRouter(tags=["health"])


def metrics_of(engines: Engines) -> CollectorRegistry:
    """Metrics of the pools, and how long statements take, in seconds."""
    registry = CollectorRegistry()
    pools: list[Any] = [engine.pool for engine in engines.pooled()]
    out = Gauge("pool_checked_out", "Connections in use.", registry=registry)
    out.set_function(lambda: sum(pool.checkedout() for pool in pools))
    idle = Gauge("pool_idle", "Connections that wait in a pool.", registry=registry)
    idle.set_function(lambda: sum(pool.checkedin() for pool in pools))
    took = Histogram("statement_seconds", "From the statement to its answer.", registry=registry)

    def before(_conn: Any, _cursor: Any, _sql: Any, _parameters: Any, context: Any, _: Any) -> None:
        context._started = time.perf_counter()

    def after(_conn: Any, _cursor: Any, _sql: Any, _parameters: Any, context: Any, _: Any) -> None:
        took.observe(time.perf_counter() - context._started)

    for engine in engines.pooled():
        event.listen(engine.sync_engine, "before_cursor_execute", before)
        event.listen(engine.sync_engine, "after_cursor_execute", after)
    return registry


@router.get("/health/live")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@router.get("/health/ready", responses=problem_responses())
async def ready(session: WriteSession) -> dict[str, str]:
    """The database answers, and has today's tables."""
    await session.execute(text("SELECT 1"))
    connection = await session.connection()
    state = await connection.run_sync(migrations.read_state, *migrations.HISTORIES.values())
    if state != "current":
        commands = "alembic upgrade head, alembic -n service upgrade head"
        raise HTTPException(503, f"the database is {state}: {commands}", RETRY_AFTER)
    return {"status": "ready"}


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """The metrics, in Prometheus' text format."""
    return Response(generate_latest(request.app.state.metrics), media_type=CONTENT_TYPE_LATEST)
