"""Declares the objects that all requests of a process share."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.service.request_limits import Bodies
from orm_async_tests.service.settings import Settings

if TYPE_CHECKING:
    from orm_async_tests.service.live import Hub
    from orm_async_tests.service.sessions import FairPool


@dataclass
class ServiceState:
    settings: Settings
    hub: "Hub"
    bodies: Bodies
    running: Counter[str]  # the requests that are being served, by their kind
    primary: "FairPool"
    standby: "FairPool"  # the primary, if the service has no standby
    engines: list[AsyncEngine]  # of both pools
    listening: AsyncEngine
    metrics: CollectorRegistry
    end_traces: Callable[[], None] = lambda: None


def state_of(app: FastAPI) -> ServiceState:
    state: ServiceState = app.state.service
    return state
