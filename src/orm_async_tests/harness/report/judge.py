"""From observations to a verdict."""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orm_async_tests.harness.definitions.observation import Observation
from orm_async_tests.harness.definitions.stack import Stack
from orm_async_tests.harness.definitions.upstream import Upstream, collect_defects
from orm_async_tests.harness.definitions.variants import select_arguments
from orm_async_tests.harness.report.evidence import Evidence, Recorder
from orm_async_tests.harness.report.phrasing import describe, pluralize
from orm_async_tests.harness.script import Script
from orm_async_tests.verdicts import BROKEN, HOLDS, UPSTREAM, Word


@dataclass(frozen=True)
class Verdict:
    """The word, the reason, the evidence, and the defects that were shown."""

    word: Word
    reason: str = ""
    evidence: tuple[Evidence, ...] = ()
    defects: tuple[Upstream, ...] = ()


def judge(
    script: Script,
    observations: Mapping[str, Observation],
    stack: Stack,
    options: Mapping[str, Any],
) -> Verdict:
    """Return BROKEN if a variant left something behind, else the verdict of the script's check."""
    if trouble := _find_leftovers(script, observations):
        return Verdict(BROKEN, trouble)
    recorder = Recorder()
    with collect_defects() as shown:
        try:
            available = {**options, "stack": stack, **observations}
            recorder.check(script.check, select_arguments(script.check, available))
        except Exception as error:
            return Verdict(BROKEN, _failure_location(error), tuple(recorder.evidence))
    return _apply_defects(shown, script.defects, stack, tuple(recorder.evidence))


def _apply_defects(
    shown: Sequence[Upstream],
    declared: Sequence[Upstream],
    stack: Stack,
    evidence: tuple[Evidence, ...],
) -> Verdict:
    """Return the verdict when nothing has failed except assertions about declared defects."""
    confirmed = tuple(defect for defect in declared if defect in shown)
    for defect in declared:
        expected = defect.applies(stack.libraries)
        if defect in shown and not expected:
            reason = "a defect shows outside its declared versions"
        elif expected and defect not in shown:
            reason = "a defect no longer shows: narrow its declared versions"
        else:
            continue
        reason = f"{reason}. {defect.sentence} {defect.link}"
        return Verdict(BROKEN, reason, evidence, confirmed)
    if not shown:
        return Verdict(HOLDS, evidence=evidence)
    reason = " ".join(f"{defect.sentence} {defect.link}" for defect in confirmed)
    return Verdict(UPSTREAM, reason, evidence, confirmed)


def _find_leftovers(script: Script, observations: Mapping[str, Observation]) -> str:
    """Return what a variant did without declaring it, such as a warning or a leak, or ""."""
    for variant in script.variants:
        name, observation = variant.name, observations[variant.name]
        if variant.kind == "right" and observation.error is not None:
            return f"{name} is a right variant, but raised {describe(observation.error)}"
        if observation.tasks and not variant.tasks:
            return f"{name} left {pluralize(observation.tasks, 'task')} running"
        if observation.warnings and not variant.warns:
            return f"{name} warned: {', '.join(observation.warnings)}"
        if observation.unhandled and not variant.unhandled:
            return f"{name} left an error unhandled: {observation.unhandled[0]}"
        if observation.leaked and not variant.leaks:
            return f"{name} leaked {pluralize(observation.leaked, 'connection')}"
    return ""


def _failure_location(error: Exception) -> str:
    """Return the line of the check, and the error if it is not a failed assertion."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    kind = "" if isinstance(error, AssertionError) else f"  {type(error).__name__}: {error}"
    return f"{frame.filename}:{frame.lineno}{kind}"
