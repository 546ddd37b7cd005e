"""What scripts are written with: they mark ways and state claims, and this runs and watches."""

from orm_async_tests.harness.activity import Activity
from orm_async_tests.harness.anomalies import Stage, outcomes
from orm_async_tests.harness.command import main_of
from orm_async_tests.harness.judge import Stack
from orm_async_tests.harness.options import Option, at_least
from orm_async_tests.harness.revisions import environment
from orm_async_tests.harness.upstream import Upstream
from orm_async_tests.harness.ways import MakeEngine, Seen, Sessions, checked_out, right, way, wrong
from orm_async_tests.harness.wire import Wire
from orm_async_tests.server import PrivateServer

__all__ = [
    "Activity",
    "MakeEngine",
    "Option",
    "PrivateServer",
    "Seen",
    "Sessions",
    "Stack",
    "Stage",
    "Upstream",
    "Wire",
    "at_least",
    "checked_out",
    "environment",
    "main_of",
    "outcomes",
    "right",
    "way",
    "wrong",
]
