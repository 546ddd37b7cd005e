"""The names that a script imports: decorators that mark variants, and types for their arguments."""

from orm_async_tests.harness.definitions.stack import Stack
from orm_async_tests.harness.definitions.upstream import Upstream
from orm_async_tests.harness.definitions.variants import (
    Observation,
    Option,
    at_least,
    checked_out,
    right,
    variant,
    wrong,
)
from orm_async_tests.harness.environment.activity import Activity
from orm_async_tests.harness.environment.programs import Http, Processes, alembic_environment
from orm_async_tests.harness.run.anomalies import Blocked, at_each_level
from orm_async_tests.harness.run.fixtures import MakeEngine, Sessions
from orm_async_tests.harness.run.runner import main_of
from orm_async_tests.harness.wire.wire import Wire
from orm_async_tests.postgres import Pooler, PrivateServer, Standby

__all__ = [
    "Activity",
    "Blocked",
    "Http",
    "MakeEngine",
    "Observation",
    "Option",
    "Pooler",
    "PrivateServer",
    "Processes",
    "Sessions",
    "Stack",
    "Standby",
    "Upstream",
    "Wire",
    "alembic_environment",
    "at_each_level",
    "at_least",
    "checked_out",
    "main_of",
    "right",
    "variant",
    "wrong",
]
