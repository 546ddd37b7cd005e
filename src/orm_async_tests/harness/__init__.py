"""What scripts are written with: they mark ways and state claims, and this runs and watches."""

from orm_async_tests.harness.activity import Activity
from orm_async_tests.harness.anomalies import Stage, outcomes
from orm_async_tests.harness.command import main_of
from orm_async_tests.harness.judge import Stack
from orm_async_tests.harness.meeting import Meeting
from orm_async_tests.harness.options import Option, at_least
from orm_async_tests.harness.upstream import Upstream
from orm_async_tests.harness.ways import MakeEngine, Seen, Sessions, checked_out, right, way, wrong

__all__ = [
    "Activity",
    "MakeEngine",
    "Meeting",
    "Option",
    "Seen",
    "Sessions",
    "Stack",
    "Stage",
    "Upstream",
    "at_least",
    "checked_out",
    "main_of",
    "outcomes",
    "right",
    "way",
    "wrong",
]
