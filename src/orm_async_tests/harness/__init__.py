"""The vocabulary of a script: marks for its ways, and the types of what they may ask for."""

from orm_async_tests.harness.activity import Activity
from orm_async_tests.harness.anomalies import Blocked, at_each_level
from orm_async_tests.harness.command import main_of
from orm_async_tests.harness.fixtures import MakeEngine, Sessions
from orm_async_tests.harness.http import Http
from orm_async_tests.harness.options import Option, at_least
from orm_async_tests.harness.processes import Processes
from orm_async_tests.harness.revisions import environment
from orm_async_tests.harness.seen import Seen, checked_out
from orm_async_tests.harness.stack import Stack
from orm_async_tests.harness.upstream import Upstream
from orm_async_tests.harness.ways import right, way, wrong
from orm_async_tests.harness.wire import Wire
from orm_async_tests.postgres import Pooler, PrivateServer, Standby

__all__ = [
    "Activity",
    "Blocked",
    "Http",
    "MakeEngine",
    "Option",
    "Pooler",
    "PrivateServer",
    "Processes",
    "Seen",
    "Sessions",
    "Stack",
    "Standby",
    "Upstream",
    "Wire",
    "at_each_level",
    "at_least",
    "checked_out",
    "environment",
    "main_of",
    "right",
    "way",
    "wrong",
]
