"""A pytest plugin with the fixture `fault_sweep`: docs/faults.md.

It is never loaded by itself: pytest -p orm_async_tests.faults.pytest_plugin
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from orm_async_tests.faults.report import Report

OPTION = "--fault-point"
FOLDER = "orm-async-faults"  # in pytest's cache
SECTION = "faults"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("async-orm", "faults at every await")
    what = "of a sweep this point alone, such as cancel-ready/3, as a failure names it"
    group.addoption(OPTION, metavar="POINT", help=what)


@pytest.fixture
def fault_sweep(request: pytest.FixtureRequest) -> Callable[..., Awaitable["Report"]]:
    """`await fault_sweep(work, engine, rows=None, kinds=...)`: a Report, as `sweep` gives it.

    The test's id is the name of the work. What fails is shown with the test's failure, and is run
    first in the next run.
    """
    config, item = request.config, request.node

    async def sweep(
        work: Callable[["AsyncEngine"], Awaitable[Any]],
        engine: "AsyncEngine",
        *,
        rows: str | None = None,
        kinds: Sequence[str] = (),
    ) -> "Report":
        from orm_async_tests.faults.in_tests import Sweep, replayed
        from orm_async_tests.faults.kinds import ANYWHERE

        said: list[str] = []
        cache = getattr(config, "cache", None)  # there is none with -p no:cacheprovider
        folder = cache.mkdir(FOLDER) if cache else None
        sweep = Sweep(item.nodeid, engine, work, rows, folder, said.append)
        only = config.getoption(OPTION)
        try:
            report = await (sweep.run_one(only) if only else sweep.run(kinds or ANYWHERE))
            said += [replayed(seen, item.nodeid, OPTION) for seen in report.violating]
        finally:
            if said:
                item.add_report_section("call", SECTION, "\n".join(said))
        return report

    return sweep
