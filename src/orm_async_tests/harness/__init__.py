"""What scripts are written with: mark the ways, state the claims; running and watching is done here."""

from orm_async_tests.harness.activity import Activity
from orm_async_tests.harness.command import main_of
from orm_async_tests.harness.judge import Stack
from orm_async_tests.harness.options import Option
from orm_async_tests.harness.upstream import Upstream
from orm_async_tests.harness.ways import Seen, right, way, wrong

__all__ = ["Activity", "Option", "Seen", "Stack", "Upstream", "main_of", "right", "way", "wrong"]
