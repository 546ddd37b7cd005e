"""From what was seen to a verdict."""

import importlib.util
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.evidence import Evidence, Recorder
from orm_async_tests.harness.upstream import DefectSeen, Upstream
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
    since, only = getattr(script, "SINCE", None), getattr(script, "ONLY", None)
    if since and not _at_least(stack.sqlalchemy, since):
        have = stack.sqlalchemy
        return f"needs SQLAlchemy {since}, this is {have}: pip install 'sqlalchemy>={since}'"
    if only and stack.driver != only:
        return f"is about {only}, this is {stack.driver}: --driver {only}"
    return "; ".join(filter(None, (_needed(each, wire) for each in getattr(script, "NEEDS", ()))))


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


def _at_least(version: str, wanted: str) -> bool:
    from packaging.version import Version

    return Version(version) >= Version(wanted)


def judge(
    script: ModuleType, seen: Mapping[str, Seen], stack: Stack, options: Mapping[str, Any]
) -> Verdict:
    """Ask the script's check, after what no script may do was looked for."""
    if trouble := _trouble(script, seen):
        return Verdict(BROKEN, trouble)
    recorder = Recorder()
    word, reason = _asked(script, recorder, {**options, "stack": stack, **seen}, stack)
    return Verdict(word, reason, tuple(recorder.evidence))


def _asked(
    script: ModuleType, recorder: Recorder, offered: Mapping[str, Any], stack: Stack
) -> tuple[str, str]:
    """The verdict's word and reason."""
    defect: Upstream | None = getattr(script, "DEFECT", None)
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


def _trouble(script: ModuleType, seen: Mapping[str, Seen]) -> str:
    for name, function in ways(script).items():
        how, was = terms(function), seen[name]
        if how.kind == "right" and was.error is not None:
            return f"{name} is a right way and raised {describe(was.error)}"
        if was.tasks:
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
