"""From what was seen to a verdict."""

import importlib.util
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.evidence import Evidence, Recorder
from orm_async_tests.harness.upstream import Upstream, defects, gathered, within
from orm_async_tests.harness.ways import Seen, called_with, terms, ways
from orm_async_tests.harness.words import describe
from orm_async_tests.server import binaries

HOLDS, BROKEN, UPSTREAM, SKIPPED = "HOLDS", "BROKEN", "UPSTREAM", "SKIPPED"


@dataclass(frozen=True)
class Verdict:
    """HOLDS, BROKEN, UPSTREAM or SKIPPED, why, and the assertions that it rests on."""

    word: str
    reason: str = ""
    evidence: tuple[Evidence, ...] = ()
    defects: tuple[Upstream, ...] = ()


@dataclass(frozen=True)
class Stack:
    """What a script ran on: one cell of the matrix."""

    python: str
    sqlalchemy: str
    driver: str
    driver_version: str
    postgresql: str
    database: str
    platform: str
    loop: str

    @property
    def libraries(self) -> dict[str, str]:
        """Versions by the names that Upstream uses."""
        return {"sqlalchemy": self.sqlalchemy, self.driver: self.driver_version}


def missing(script: ModuleType, stack: Stack, wire: bool) -> str:
    """Why the script cannot run on this stack and what to type, or nothing."""
    needs = (_needed(each, wire) for each in getattr(script, "NEEDS", ()))
    return _outside(script, stack) or "; ".join(filter(None, needs))


def since(script: ModuleType) -> str:
    """The versions of SQLAlchemy that have what the script is about; "" if all do."""
    declared: str = getattr(script, "SINCE", "")
    return f">={declared}" if declared[:1].isdigit() else declared


def _outside(script: ModuleType, stack: Stack) -> str:
    """Which version or driver the script is not about, or nothing."""
    wanted, only = since(script), getattr(script, "ONLY", "")
    driver = only.rstrip("<>=!~,.0123456789")
    if only and stack.driver != driver:
        return f"is about {driver}, this is {stack.driver}: --driver {driver}"
    if only and not within(stack.driver_version, only.removeprefix(driver)):
        return f"needs {only}, this is {stack.driver_version}: pip install '{only}'"
    if within(stack.sqlalchemy, wanted):
        return ""
    newest = wanted.rpartition(" or ")[2]
    have = stack.sqlalchemy
    return f"needs sqlalchemy {wanted}, this is {have}: pip install 'sqlalchemy{newest}'"


def _needed(what: str, wire: bool) -> str:
    if what == "wire":
        return "" if wire else "needs a URL without TLS and with one host, to see its round trips"
    if what == "private_server":
        try:
            binaries.find()
        except CouldNotRun as error:
            return f"needs a server of its own, and {error.what}: {error.remedy}"
        return ""
    if importlib.util.find_spec(what) is None:
        return f"needs the package {what}: pip install {what}"
    return ""


def judge(
    script: ModuleType, seen: Mapping[str, Seen], stack: Stack, options: Mapping[str, Any]
) -> Verdict:
    """Ask the script's check, after what no script may do was looked for."""
    if trouble := _trouble(script, seen):
        return Verdict(BROKEN, trouble)
    recorder = Recorder()
    with gathered() as found:
        try:
            offered = {**options, "stack": stack, **seen}
            recorder.check(script.check, called_with(script.check, offered))
        except Exception as error:
            return Verdict(BROKEN, _where(error), tuple(recorder.evidence))
    return _weighed(found, defects(script), stack, tuple(recorder.evidence))


def _weighed(
    found: Sequence[Upstream],
    known: Sequence[Upstream],
    stack: Stack,
    evidence: tuple[Evidence, ...],
) -> Verdict:
    """The verdict, if nothing failed but what these defects explain."""
    for defect in known:
        expected = defect.applies(stack.libraries)
        if defect in found and not expected:
            why = "a defect is seen outside its versions"
        elif expected and defect not in found:
            why = "a defect is gone: narrow its versions"
        else:
            continue
        return Verdict(BROKEN, f"{why}. {defect.sentence} {defect.link}", evidence)
    if not found:
        return Verdict(HOLDS, evidence=evidence)
    seen = [defect for defect in known if defect in found]
    reason = " ".join(f"{defect.sentence} {defect.link}" for defect in seen)
    return Verdict(UPSTREAM, reason, evidence, tuple(seen))


def _trouble(script: ModuleType, seen: Mapping[str, Seen]) -> str:
    for name, function in ways(script).items():
        how, was = terms(function), seen[name]
        if how.kind == "right" and was.error is not None:
            return f"{name} is a right way and raised {describe(was.error)}"
        if was.tasks and not how.tasks:
            return f"{name} left {was.tasks} tasks running"
        if was.warnings and not how.warns:
            return f"{name} warned: {', '.join(was.warnings)}"
        if was.unhandled and not how.unhandled:
            return f"{name} left an error to nobody: {was.unhandled[0]}"
        if was.leaked and not how.leaks:
            return f"{name} did not give back {was.leaked} connections"
    return ""


def _where(error: Exception) -> str:
    """The line of the check, and what went wrong if no assertion says it."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    kind = "" if isinstance(error, AssertionError) else f"  {type(error).__name__}: {error}"
    return f"{frame.filename}:{frame.lineno}{kind}"
