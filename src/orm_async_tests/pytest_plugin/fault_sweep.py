"""A pytest plugin that provides the fixture `fault_sweep`.

Load the plugin with `pytest -p orm_async_tests.pytest_plugin.fault_sweep`. See docs/faults.md.
"""

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.extras import explain_error
from orm_async_tests.pytest_plugin import GROUP

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from orm_async_tests.faults.report import Report
    from orm_async_tests.faults.sweeping import Sweep

OPTION = "--fault-point"
REPEAT = "repeat the option with a fault point that a failing test has printed"
CACHE_FOLDER = "orm-async-faults"
SECTION = "faults"


def pytest_addoption(parser: pytest.Parser) -> None:
    option_help = "run only this point of a fault sweep, for example cancel-ready/3"
    parser.getgroup(*GROUP).addoption(OPTION, metavar="POINT", help=option_help)


@pytest.fixture
def fault_sweep(request: pytest.FixtureRequest) -> Callable[..., Awaitable["Report"]]:
    """Return a function that injects faults into an async function.

    Call the function as `await fault_sweep(function, engine, rows=None, kinds=())`. The report of a
    failed test lists every fault point with a violation, together with a command that repeats the
    fault point. The next run begins with the fault points that had violations.
    """
    item, config = request.node, request.config
    calls: list[object] = []

    async def run_sweep(
        function: Callable[["AsyncEngine"], Awaitable[Any]],
        engine: "AsyncEngine",
        *,
        rows: str | None = None,
        kinds: Sequence[str] = (),
    ) -> "Report":
        if calls:  # the fault points of both sweeps would have the same names
            problem = "a test called `fault_sweep` twice"
            raise CouldNotRun(problem, item.nodeid, "write a test for each sweep")
        calls.append(function)
        try:
            from orm_async_tests.faults.injection import SweptFunction
            from orm_async_tests.faults.report import list_failures
            from orm_async_tests.faults.sweeping import Sweep, read_url, select_kinds
        except ImportError as error:
            raise explain_error(error) from None

        loop = find_loop(item.nodeid)
        lines: list[str] = []
        selected = select_kinds(kinds, lines.append)
        swept = SweptFunction(function, rows, users_name=item.nodeid, engine=engine)
        sweep = Sweep(swept, read_url(engine), selected, loop)
        try:
            report = await _run(sweep, config, lines.append)
            lines += list_failures(report.violating, f"pytest {shlex.quote(item.nodeid)} {OPTION}")
        finally:
            if lines:
                item.add_report_section("call", SECTION, "\n".join(lines))
        return report

    return run_sweep


async def _run(sweep: "Sweep", config: pytest.Config, say: Callable[[str], None]) -> "Report":
    from orm_async_tests.faults.fault_points import parse_point
    from orm_async_tests.faults.outcomes import Cell
    from orm_async_tests.faults.report import Report
    from orm_async_tests.faults.sweeping import sweep_failed_first

    cache = getattr(config, "cache", None)  # absent with -p no:cacheprovider
    folder = cache.mkdir(CACHE_FOLDER) if cache else None
    if not (option := config.getoption(OPTION)):
        return Report(await sweep_failed_first([sweep], folder, say))
    try:
        point = parse_point(f"{sweep.driver}/{sweep.loop}/{sweep.swept.name}/{option}")
    except CouldNotRun:
        raise CouldNotRun(f"{option!r} is not a fault point", OPTION, REPEAT) from None
    outcome = await sweep.repeat_point(point, folder, OPTION, REPEAT)
    return Report([Cell(point.function, point.fault, (1, 1), (outcome,))])


def find_loop(test: str) -> str:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        problem = "a sweep needs asyncio, because it cancels asyncio's tasks"
        raise CouldNotRun(problem, test, "anyio_backend: asyncio") from None
    return "uvloop" if type(loop).__module__.startswith("uvloop") else "asyncio"
