"""A pytest plugin that fails every test that misuses async SQLAlchemy. The page
docs/pytest_plugin.md describes the plugin. pytest loads this plugin only with the option `-p
orm_async_tests.pytest_plugin`.
"""

from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.pytest_plugin import findings
from orm_async_tests.pytest_plugin.findings import Finding

if TYPE_CHECKING:
    from orm_async_tests.pytest_plugin.trace_folder import TraceFolder

GROUP = ("async-orm", "async SQLAlchemy")  # the option group of both plugins of this package


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup(*GROUP)
    group.addoption(
        findings.BASELINE_OPTION,
        metavar="FILE",
        help="let no test fail for the known findings that this file lists",
    )
    group.addoption(
        findings.BASELINE_WRITE_OPTION,
        action="store_true",
        help="write this run's findings to the baseline, and let no test fail for them",
    )
    group.addoption(
        "--async-orm-trace",
        metavar="DIR",
        help="write a trace for https://ui.perfetto.dev of every test that has a finding",
    )
    group.addoption(
        "--async-orm-trace-all",
        action="store_true",
        help="write a trace of every test, even without a finding",
    )
    group.addoption(
        "--async-orm-github",
        action="store_true",
        help="also write annotations and the job summary for GitHub Actions",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start to watch SQLAlchemy now, because modules can create engines while pytest collects
    tests.
    """
    file, folder = (config.getoption(f"async_orm_{name}") for name in ("baseline", "trace"))
    writes = bool(config.getoption("async_orm_baseline_write"))
    writes_all = bool(config.getoption("async_orm_trace_all"))
    path, known, traces = Path(file) if file else None, findings.Baseline(), None
    try:
        if config.getoption("async_orm_github"):
            from orm_async_tests import github

            github.require_summary()
        if writes and path is None:
            problem, remedy = "no file is named to write to", f"{findings.BASELINE_OPTION} FILE"
            raise CouldNotRun(problem, findings.BASELINE_WRITE_OPTION, remedy)
        if writes_all and folder is None:
            problem, remedy = "no folder is named to write to", "--async-orm-trace DIR"
            raise CouldNotRun(problem, "--async-orm-trace-all", remedy)
        if path is not None:
            if writes:
                findings.check_writable(path)
            if not writes or path.exists():
                known = findings.read_baseline(path)
        if folder is not None:
            from orm_async_tests.pytest_plugin.trace_folder import TraceFolder

            traces = TraceFolder(Path(folder), writes_all=writes_all)
    except CouldNotRun as error:
        raise pytest.UsageError(str(error)) from None
    config.pluginmanager.register(MisusePlugin(path, known, traces, writes=writes), "async-orm")


class MisusePlugin:
    """The plugin's pytest hooks for one test run."""

    def __init__(
        self,
        path: Path | None,
        known: findings.Baseline,
        traces: "TraceFolder | None" = None,
        *,
        writes: bool,
    ) -> None:
        from orm_async_tests.pytest_plugin.resource_tracker import (
            ResourceTracker,
            Scope,
            instrument,
        )

        self.path, self.known, self.traces, self.writes = path, known, traces, writes
        self.current: findings.Baseline = {}
        self.findings: list[tuple[str, Finding]] = []  # with their tests, for the summary
        self.tracker, self.scope_class = ResourceTracker(), Scope
        self.fixture_scopes: dict[int, Scope] = {}  # by the id of the fixture's definition
        self.stack = ExitStack()
        self.stack.enter_context(instrument(self.tracker))

    def pytest_unconfigure(self) -> None:
        if self.traces:
            self.traces.stop()
        self.stack.close()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, object, object]:
        self.tracker.test = self.scope_class()
        if self.traces:
            self.traces.start()
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any]
    ) -> Generator[None, object, object]:
        if fixturedef.scope == "function":
            return (yield)
        scope = self.fixture_scopes[id(fixturedef)] = self.scope_class()
        self.tracker.fixtures.append(scope)
        try:
            return (yield)
        finally:
            self.tracker.fixtures.remove(scope)

    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        scope = self.fixture_scopes.pop(id(fixturedef), None)
        for finding in self.tracker.end_scope(scope) if scope else ():
            problem = f"{finding.problem} (fixture {fixturedef.argname})"
            self.tracker.report(finding.kind, finding.location, problem)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """Collect a test's findings after all its fixtures have ended."""
        try:
            result = yield
        except BaseException:
            if text := self._find_failures(item):
                item.add_report_section("teardown", "async-orm", text)
            raise
        if text := self._find_failures(item):
            pytest.fail(text, pytrace=False)
        return result

    def _find_failures(self, item: pytest.Item) -> str:
        """Return a message with the findings that fail the test, or ""."""
        test, self.tracker.test = self.tracker.test, None
        reported = self.tracker.end_scope(test) if test else []
        item.user_properties += [finding.to_property() for finding in reported]
        failures = [str(finding) for finding in reported if self._fails(item.nodeid, finding)]
        if self.traces:
            trace = self.traces.finish(item.nodeid, has_findings=bool(reported))
            failures += [f"    trace: {trace}"] if trace and failures else []
        return "\n".join(failures)

    def _fails(self, test: str, finding: Finding) -> bool:
        return not self.writes and finding.kind not in self.known.get(test, ())

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        if call.excinfo is not None:
            from orm_async_tests.pytest_plugin.missing_greenlet import add_notes

            add_notes(call.excinfo.value, self.tracker.usage)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "teardown":
            return
        reported = findings.read_properties(report.user_properties)
        kinds = {finding.kind for finding in reported}
        self.current.setdefault(report.nodeid, set()).update(kinds)
        self.findings += [
            (report.nodeid, finding)
            for finding in reported
            if self.writes or self._fails(report.nodeid, finding)
        ]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """Write the baseline before the terminal summary names it. A worker of pytest-xdist writes
        no baseline.
        """
        failure = ""
        if self.writes and self.path is not None and not hasattr(session.config, "workerinput"):
            try:
                findings.write_baseline(self.path, {**self.known, **self.current})
            except CouldNotRun as error:
                failure = str(error)
        result = yield
        if failure:
            pytest.exit(failure, pytest.ExitCode.USAGE_ERROR)
        return result

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the grouped findings, and how they differ from the baseline."""
        write = terminalreporter.write_line
        if self.findings:
            terminalreporter.section("misuse of async SQLAlchemy")
            for line in findings.summarize(self.findings):
                write(line)
        if terminalreporter.config.getoption("async_orm_github") and not self.writes:
            findings.write_annotations(self.findings)
        if self.path is None:
            return
        if self.writes:
            count = sum(map(len, self.current.values()))
            write(f"async-orm: {count} findings written to {self.path}")
            return
        for test, kind in findings.find_cured(self.known, self.current):
            write(f"async-orm: cured, remove it from {self.path}: {test} {kind}")
