"""A test with a finding gets a trace of its tasks and connections."""

import json
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.pytest_plugin.pytest_runs import copy_suites, run_pytest

SUITES = ("misuse_suite.py", "correct_suite.py")
TESTS = ("-k", "two_tasks_of_a_warm_session or close_by_hand")


@pytest.mark.parametrize(
    "option", ["", pytest.param("--async-orm-trace-all", marks=pytest.mark.thorough)]
)
def test_a_trace_names_the_lines_that_two_tasks_ran(tmp_path: Path, option: str) -> None:
    copy_suites(tmp_path, *SUITES, "owner_fixtures.py")
    url = make_url(f"sqlite+aiosqlite:///{tmp_path}/test.sqlite")
    options = ("--async-orm-trace", "traces/new", *filter(None, [option]))
    result = run_pytest(tmp_path, url, *SUITES, *TESTS, *options)

    files = sorted((tmp_path / "traces/new").iterdir())
    names = [file.name.rpartition("-")[0] for file in files]
    finding = "misuse_suite.py-test_two_tasks_of_a_warm_session"
    assert finding in names
    assert (len(names) > 1) == bool(option)
    trace = files[names.index(finding)]
    result.stdout.fnmatch_lines([f"*trace: traces/new/{trace.name}*"])
    pieces = json.loads(trace.read_text("utf-8"))["traceEvents"]
    lines = {piece["args"].get("line", "") for piece in pieces if piece["name"] == "SELECT 1"}
    assert all(Path(line.rpartition(":")[0]).name == "misuse_suite.py" for line in lines)
    assert sum(piece["name"] == "thread_name" for piece in pieces) >= 3 + 1  # a connection
