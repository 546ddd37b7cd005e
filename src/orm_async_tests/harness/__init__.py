"""Provides the decorators and types that scripts import."""

from orm_async_tests.harness.definitions.stack import Stack as Stack
from orm_async_tests.harness.definitions.upstream import Upstream as Upstream
from orm_async_tests.harness.definitions.variants import Observation as Observation
from orm_async_tests.harness.definitions.variants import Option as Option
from orm_async_tests.harness.definitions.variants import at_least as at_least
from orm_async_tests.harness.definitions.variants import checked_out as checked_out
from orm_async_tests.harness.definitions.variants import right as right
from orm_async_tests.harness.definitions.variants import variant as variant
from orm_async_tests.harness.definitions.variants import wrong as wrong
from orm_async_tests.harness.environment.activity import Activity as Activity
from orm_async_tests.harness.environment.alembic_environments import (
    alembic_environment as alembic_environment,
)
from orm_async_tests.harness.environment.web_applications import Http as Http
from orm_async_tests.harness.environment.worker_processes import Processes as Processes
from orm_async_tests.harness.run.anomalies import Blocked as Blocked
from orm_async_tests.harness.run.anomalies import at_each_level as at_each_level
from orm_async_tests.harness.run.fixtures import MakeEngine as MakeEngine
from orm_async_tests.harness.run.fixtures import Sessions as Sessions
from orm_async_tests.harness.run.runner import main_of as main_of
from orm_async_tests.harness.wire.wire import Wire as Wire
from orm_async_tests.postgres import Pooler as Pooler
from orm_async_tests.postgres import PrivateServer as PrivateServer
from orm_async_tests.postgres import Standby as Standby
