"""From what was seen to a verdict."""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from orm_async_tests.harness.definitions.observation import Observation
from orm_async_tests.harness.definitions.stack import Stack
from orm_async_tests.harness.definitions.upstream import Upstream, gathered
from orm_async_tests.harness.definitions.variants import select_arguments
from orm_async_tests.harness.report.evidence import Evidence, Recorder
from orm_async_tests.harness.report.phrasing import describe
from orm_async_tests.harness.script import Script

Word = Literal["HOLDS", "BROKEN", "UPSTREAM", "SKIPPED"]
HOLDS: Word = "HOLDS"
BROKEN: Word = "BROKEN"
UPSTREAM: Word = "UPSTREAM"
SKIPPED: Word = "SKIPPED"


@dataclass(frozen=True)
class Verdict:
    """The word, why, the assertions that it rests on, and the defects that showed themselves."""

    word: Word
    reason: str = ""
    evidence: tuple[Evidence, ...] = ()
    defects: tuple[Upstream, ...] = ()


def judge(
    script: Script, seen: Mapping[str, Observation], stack: Stack, options: Mapping[str, Any]
) -> Verdict:
    """Ask the script's check, after what no script may do was looked for."""
    if trouble := _trouble(script, seen):
        return Verdict(BROKEN, trouble)
    recorder = Recorder()
    with gathered() as found:
        try:
            offered = {**options, "stack": stack, **seen}
            recorder.check(script.check, select_arguments(script.check, offered))
        except Exception as error:
            return Verdict(BROKEN, _where(error), tuple(recorder.evidence))
    return _weighed(found, script.defects, stack, tuple(recorder.evidence))


def _weighed(
    found: Sequence[Upstream],
    known: Sequence[Upstream],
    stack: Stack,
    evidence: tuple[Evidence, ...],
) -> Verdict:
    """The verdict, if nothing failed but what these defects explain."""
    seen = tuple(defect for defect in known if defect in found)
    for defect in known:
        expected = defect.applies(stack.libraries)
        if defect in found and not expected:
            why = "a defect is seen outside its versions"
        elif expected and defect not in found:
            why = "a defect is gone: narrow its versions"
        else:
            continue
        return Verdict(BROKEN, f"{why}. {defect.sentence} {defect.link}", evidence, seen)
    if not found:
        return Verdict(HOLDS, evidence=evidence)
    reason = " ".join(f"{defect.sentence} {defect.link}" for defect in seen)
    return Verdict(UPSTREAM, reason, evidence, seen)


def _trouble(script: Script, seen: Mapping[str, Observation]) -> str:
    for variant in script.variants:
        name, was = variant.name, seen[variant.name]
        if variant.kind == "right" and was.error is not None:
            return f"{name} is a right variant and raised {describe(was.error)}"
        if was.tasks and not variant.tasks:
            return f"{name} left {was.tasks} tasks running"
        if was.warnings and not variant.warns:
            return f"{name} warned: {', '.join(was.warnings)}"
        if was.unhandled and not variant.unhandled:
            return f"{name} left an error to nobody: {was.unhandled[0]}"
        if was.leaked and not variant.leaks:
            return f"{name} did not give back {was.leaked} connections"
    return ""


def _where(error: Exception) -> str:
    """The line of the check, and what went wrong if no assertion says it."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    kind = "" if isinstance(error, AssertionError) else f"  {type(error).__name__}: {error}"
    return f"{frame.filename}:{frame.lineno}{kind}"
