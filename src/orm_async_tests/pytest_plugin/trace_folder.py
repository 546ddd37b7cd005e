"""Writes a trace of each test to a file for Perfetto."""

import hashlib
import re
from contextlib import ExitStack
from pathlib import Path

from orm_async_tests.output_files import create_folder
from orm_async_tests.pytest_plugin.source_lines import is_user_file
from orm_async_tests.timeline.engine_hooks import record_events
from orm_async_tests.timeline.recording import Recorder
from orm_async_tests.timeline.trace_file import build_trace

OPTION = "--async-orm-trace"
LONGEST_NAME = 120  # characters of a test's id in the name of its file


class TraceFolder:
    """A folder of trace files, for all tests or only for tests with findings."""

    def __init__(self, path: Path, *, writes_all: bool) -> None:
        self.path, self.writes_all = path, writes_all
        self._stack = ExitStack()
        self._recorder: Recorder | None = None
        create_folder(path, OPTION)

    def start(self) -> None:
        self.stop()
        self._recorder = Recorder(is_user_file)
        self._stack.enter_context(record_events(self._recorder))

    def stop(self) -> None:
        self._stack.close()

    def finish(self, test: str, *, has_findings: bool) -> Path | None:
        self.stop()
        recorder, self._recorder = self._recorder, None
        events = recorder.finish() if recorder else []
        if not events or not (has_findings or self.writes_all):
            return None
        digest = hashlib.sha256(test.encode()).hexdigest()[:6]
        name = re.sub(r"[^\w.-]+", "-", test)[-LONGEST_NAME:]
        file = self.path / f"{name}-{digest}.json"
        file.write_text(build_trace([(test, events)]), "utf-8")
        return file
