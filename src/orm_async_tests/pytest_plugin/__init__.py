"""A pytest plugin that fails the tests that misuse async SQLAlchemy: docs/pytest_plugin.md.

It is never loaded by itself: pytest -p orm_async_tests.pytest_plugin
"""

from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from orm_async_tests.errors import CouldNotRun

PROPERTY = "async-orm"  # of a report, by which the findings of xdist's workers arrive
HEAD = "misuse of async SQLAlchemy"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("async-orm", "misuse of async SQLAlchemy")
    group.addoption(
        "--async-orm-baseline", metavar="FILE", help="known findings, which do not fail their tests"
    )
    group.addoption(
        "--async-orm-baseline-write",
        action="store_true",
        help="write what is found into the baseline, and fail no test for it",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Watch from here on: engines may be made while tests are collected."""
    from orm_async_tests.pytest_plugin import baseline

    file = config.getoption("async_orm_baseline")
    writing = bool(config.getoption("async_orm_baseline_write"))
    try:
        if writing and not file:
            what, remedy = "there is no file to write to", "--async-orm-baseline FILE"
            raise CouldNotRun(what, "--async-orm-baseline-write", remedy)
        path = Path(file) if file else None
        fresh = path is None or (writing and not path.exists())
        known = {} if fresh or path is None else baseline.read(path)
    except CouldNotRun as error:
        raise pytest.UsageError(str(error)) from None
    config.pluginmanager.register(Plugin(path, known, writing=writing), "async-orm")


class Plugin:
    """The hooks of one run."""

    def __init__(self, path: Path | None, known: dict[str, set[str]], *, writing: bool) -> None:
        from orm_async_tests.pytest_plugin.watch import Scope, Watch
        from orm_async_tests.pytest_plugin.wraps import watching

        self.path, self.known, self.writing = path, known, writing
        self.seen: dict[str, set[str]] = {}
        self.watch, self.scope = Watch(), Scope
        self.fixtures: dict[int, Scope] = {}  # by their definition
        self.stack = ExitStack()
        self.stack.enter_context(watching(self.watch))

    def pytest_unconfigure(self) -> None:
        self.stack.close()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        self.watch.test = self.scope(item.nodeid)
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any]
    ) -> Generator[None, object, object]:
        if fixturedef.scope == "function":
            return (yield)
        scope = self.fixtures[id(fixturedef)] = self.scope(fixturedef.argname)
        self.watch.scopes.append(scope)
        try:
            return (yield)
        finally:
            self.watch.scopes.remove(scope)

    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        scope = self.fixtures.pop(id(fixturedef), None)
        for each in self.watch.judge(scope) if scope else ():
            self.watch.find(each.kind, f"{each.what} (fixture {fixturedef.argname})")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """The outermost: it judges when the test's fixtures have ended."""
        try:
            result = yield
        except BaseException as error:
            if text := self._judged(item):
                error.add_note(text)
            raise
        if text := self._judged(item):
            pytest.fail(text, pytrace=False)
        return result

    def _judged(self, item: pytest.Item) -> str:
        """What the test has to fail for."""
        test, self.watch.test = self.watch.test, None
        found = self.watch.judge(test) if test else []
        for each in found:
            item.user_properties.append((PROPERTY, each.kind))
        known = self.known.get(item.nodeid, set())
        new = [each for each in found if each.kind not in known and not self.writing]
        return f"{HEAD}\n" + "\n".join(f"  {each}" for each in new) if new else ""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        if call.excinfo is not None:
            from orm_async_tests.pytest_plugin.missing import explain

            explain(call.excinfo.value, self.watch.uses)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            kinds = {str(kind) for name, kind in report.user_properties if name == PROPERTY}
            self.seen.setdefault(report.nodeid, set()).update(kinds)

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, config: pytest.Config
    ) -> None:
        """Write the baseline, or say what of it is gone; not in xdist's workers."""
        from orm_async_tests.pytest_plugin import baseline

        if self.path is None or hasattr(config, "workerinput"):
            return
        if self.writing:
            baseline.write(self.path, baseline.merged(self.known, self.seen))
            count = sum(map(len, self.seen.values()))
            terminalreporter.write_line(f"async-orm: {count} findings written to {self.path}")
            return
        for test, kind in baseline.gone(self.known, self.seen):
            terminalreporter.write_line(f"async-orm: gone, take it from {self.path}: {test} {kind}")
