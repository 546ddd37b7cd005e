"""The result of a script whose process prints nonsense, hangs or dies."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from orm_async_tests.matrix.stack_runs import LONGEST_LINE, ChildRun


async def end_of(code: str, log: Path, limit: float) -> tuple[str, str]:
    """Run Python code as the process of a script and return its verdict and reason."""
    with log.open("w") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-S", "-c", code),
            stdout=subprocess.PIPE,
            stderr=stderr,
            limit=LONGEST_LINE,
        )
    run = ChildRun(process, log, limit)
    assert [document async for document in run.documents()] == []
    return await run.explain_end()


@pytest.mark.parametrize(
    ("code", "limit", "verdict", "reason"),
    [
        (
            "print('x' * 2**25)",
            600,
            "CRASH",
            f"the result of the script is longer than {LONGEST_LINE} bytes",
        ),
        ("print('{')", 600, "CRASH", "the result of the script is not JSON"),
        ("raise SystemExit('broken')", 600, "CRASH", "exit code 1: broken"),
        ("import os; os.abort()", 600, "CRASH", "exit code -6"),
        ("import sys; print('no', file=sys.stderr); sys.exit(2)", 600, "NOT RUN", "no"),
        (
            "import signal; signal.pause()",
            0.01,
            "TIMEOUT",
            "the script printed no result within 0.01 s",
        ),
    ],
)
def test_the_end_of_a_run_without_a_result_is_explained(
    code: str, limit: float, verdict: str, reason: str, tmp_path: Path
) -> None:
    word, explanation = asyncio.run(end_of(code, tmp_path / "log", limit))
    assert word == verdict
    assert explanation.startswith(reason)
