"""From what was seen to a verdict."""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from orm_async_tests.harness.evidence import Evidence, Recorder
from orm_async_tests.harness.script import Script
from orm_async_tests.harness.seen import Seen
from orm_async_tests.harness.stack import Stack
from orm_async_tests.harness.upstream import DefectSeen
from orm_async_tests.harness.ways import called_with
from orm_async_tests.harness.words import describe

Word = Literal["HOLDS", "BROKEN", "UPSTREAM", "SKIPPED"]
HOLDS: Word = "HOLDS"
BROKEN: Word = "BROKEN"
UPSTREAM: Word = "UPSTREAM"
SKIPPED: Word = "SKIPPED"


@dataclass(frozen=True)
class Verdict:
    """The word, why, and the assertions that it rests on."""

    word: Word
    reason: str = ""
    evidence: tuple[Evidence, ...] = ()


def judge(
    script: Script, seen: Mapping[str, Seen], stack: Stack, options: Mapping[str, Any]
) -> Verdict:
    """Ask the script's check, after what no script may do was looked for."""
    if trouble := _trouble(script, seen):
        return Verdict(BROKEN, trouble)
    recorder = Recorder()
    word, reason = _asked(script, recorder, {**options, "stack": stack, **seen}, stack)
    return Verdict(word, reason, tuple(recorder.evidence))


def _asked(
    script: Script, recorder: Recorder, offered: Mapping[str, Any], stack: Stack
) -> tuple[Word, str]:
    """The verdict's word and reason."""
    defect = script.defect
    expected = defect is not None and defect.applies(stack.libraries, stack.driver)
    try:
        recorder.check(script.check, called_with(script.check, offered))
    except DefectSeen as found:
        link = found.defect.link
        if expected:
            return UPSTREAM, f"{found.defect.library} {found.defect.versions}: {link}"
        return BROKEN, f"the defect is outside its versions {found.defect.versions}: {link}"
    except Exception as error:
        return BROKEN, _where(error)
    if defect and expected:
        return BROKEN, f"the defect is gone: narrow its versions {defect.versions}"
    return HOLDS, ""


def _trouble(script: Script, seen: Mapping[str, Seen]) -> str:
    for way in script.ways:
        name, was = way.name, seen[way.name]
        if way.kind == "right" and was.error is not None:
            return f"{name} is a right way and raised {describe(was.error)}"
        if was.tasks:
            return f"{name} left {was.tasks} tasks running"
        if was.warnings and not way.warns:
            return f"{name} warned: {', '.join(was.warnings)}"
        if was.unhandled and not way.unhandled:
            return f"{name} left an error to nobody: {was.unhandled[0]}"
        if was.leaked and not way.leaks:
            return f"{name} did not give back {was.leaked} connections"
    return ""


def _where(error: Exception) -> str:
    """The line of the check, and what went wrong if no assertion says it."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    kind = "" if isinstance(error, AssertionError) else f"  {type(error).__name__}: {error}"
    return f"{frame.filename}:{frame.lineno}{kind}"
