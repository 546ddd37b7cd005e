"""A pytest plugin that fails tests for misusing async SQLAlchemy.

Load the plugin with `pytest -p orm_async_tests.pytest_plugin`. See docs/pytest_plugin.md.
"""

import argparse
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.extras import explain_error
from orm_async_tests.output_files import require_writable
from orm_async_tests.pytest_plugin import findings
from orm_async_tests.pytest_plugin.findings import Finding

GROUP = ("async-orm", "async SQLAlchemy")  # the option group of both plugins of this package


def pytest_addoption(parser: pytest.Parser) -> None:
    add = parser.getgroup(*GROUP).addoption
    add(findings.BASELINE_OPTION, metavar="FILE", help="ignore the findings that FILE lists")
    add(
        "--async-orm-trace",
        metavar="DIR",
        help="for each test with a finding, write a trace that https://ui.perfetto.dev can open",
    )
    for name, text in (
        ("baseline-write", "write all findings to the baseline, and fail no test because of them"),
        ("trace-all", "write a trace of every test, even without a finding"),
        ("github", "also write annotations and the job summary for GitHub Actions"),
    ):
        add(f"--async-orm-{name}", action="store_true", help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Start watching SQLAlchemy now, because importing test modules can create engines."""
    try:
        plugin = MisusePlugin(config.option)
    except (CouldNotRun, ImportError) as error:
        raise pytest.UsageError(str(explain_error(error))) from None
    config.pluginmanager.register(plugin, "async-orm")


class MisusePlugin:
    def __init__(self, options: argparse.Namespace) -> None:
        """Raise CouldNotRun for a wrong option, for example a baseline that does not exist."""
        self.writes, self.github = options.async_orm_baseline_write, options.async_orm_github
        self.path, self.known, self.traces = None, findings.Baseline(), None
        if self.github:
            from orm_async_tests import github

            github.require_summary()
        if path := read_option(options, "baseline", "FILE", "baseline-write"):
            self.path = Path(path)
            if self.writes:
                require_writable(self.path, findings.BASELINE_OPTION)
            if not self.writes or self.path.exists():
                self.known = findings.read_baseline(self.path)
        if folder := read_option(options, "trace", "DIR", "trace-all"):
            from orm_async_tests.pytest_plugin.trace_folder import TraceFolder

            self.traces = TraceFolder(Path(folder), writes_all=options.async_orm_trace_all)
        from orm_async_tests.pytest_plugin import resource_tracker

        self.current: findings.Baseline = {}
        self.findings: list[tuple[str, Finding]] = []  # with their tests, for the summary
        self.tracker, self.scope_class = resource_tracker.ResourceTracker(), resource_tracker.Scope
        self.fixture_scopes: dict[int, resource_tracker.Scope] = {}  # by a definition's id()
        self.stack = ExitStack()
        self.stack.enter_context(resource_tracker.instrument(self.tracker))

    def pytest_unconfigure(self) -> None:
        if self.traces:
            self.traces.stop()
        self.stack.close()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        result = yield
        self.tracker.collect_leaks()  # only now, pytest has dropped the values of fixtures
        return result

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
        if scope := self.fixture_scopes.pop(id(fixturedef), None):
            for finding in self.tracker.end_scope(scope):
                problem = f"{finding.problem} (fixture {fixturedef.argname})"
                self.tracker.report(finding.kind, finding.location, problem)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """Collect a test's findings after its fixtures have ended."""
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

            add_notes(call.excinfo.value)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "teardown":
            return
        kinds = self.current.setdefault(report.nodeid, set())
        for finding in findings.read_properties(report.user_properties):
            kinds.add(finding.kind)
            if self.writes or self._fails(report.nodeid, finding):
                self.findings.append((report.nodeid, finding))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """Write the baseline now, so that pytest's summary can report it."""
        failure = ""
        if self.writes and self.path is not None and not is_xdist_worker(session.config):
            try:
                findings.write_baseline(self.path, {**self.known, **self.current})
            except CouldNotRun as error:
                failure = str(error)
        result = yield
        if failure:
            pytest.exit(failure, pytest.ExitCode.USAGE_ERROR)
        return result

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if is_xdist_worker(terminalreporter.config):
            return
        if self.findings:
            terminalreporter.section("misuse of async SQLAlchemy")
            for line in findings.summarize(self.findings):
                terminalreporter.write_line(line)
        if self.github and not self.writes:
            findings.write_annotations(self.findings)
        for line in self._compare_with_baseline():
            terminalreporter.write_line(f"async-orm: {line}")

    def _compare_with_baseline(self) -> Iterator[str]:
        if self.writes:
            yield f"findings written to {self.path}: {sum(map(len, self.current.values()))}"
            return
        for test, kinds in sorted(self.current.items()):
            for kind in sorted(self.known.get(test, set()) - kinds):
                yield f"no longer occurs, so remove it from {self.path}: {test} {kind}"


def is_xdist_worker(config: pytest.Config) -> bool:
    """Return whether pytest-xdist started this process. The main process writes all files."""
    return hasattr(config, "workerinput")


def read_option(options: argparse.Namespace, name: str, metavar: str, flag: str) -> str | None:
    """Return an option's value. Raise CouldNotRun if `flag` is set but the option is missing."""
    value: str | None = getattr(options, f"async_orm_{name}")
    if value is None and getattr(options, f"async_orm_{flag.replace('-', '_')}"):
        option, needed = f"--async-orm-{flag}", f"--async-orm-{name} {metavar}"
        raise CouldNotRun(f"{option} has no effect without {needed}", option, f"{option} {needed}")
    return value
