"""What a script's own code meets while it runs: every error, whether it is caught or not."""

import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

from orm_async_tests import db
from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.harness.definitions.observation import sqlstate
from orm_async_tests.harness.report.result import Result
from orm_async_tests.harness.run.runner import run_script
from orm_async_tests.harness.script import Script
from orm_async_tests.symptoms import Symptom

ENDS = (StopIteration, StopAsyncIteration, GeneratorExit)  # how coroutines and generators return


class Shown(NamedTuple):
    """What an error or a warning shows: copied, since an error that is kept keeps sessions open."""

    names: set[str]
    codes: set[Any]
    states: set[str | None]
    message: str
    text: str

    def has(self, symptom: Symptom) -> bool:
        """Whether it is what a symptom says, part by part."""
        fragment = re.escape(symptom.fragment).replace(r"\.\.\.", r"\S+")
        return (
            symptom.error in {"", *self.names}
            and symptom.code in {"", *self.codes}
            and symptom.sqlstate in {"", *self.states}
            and re.search(fragment, self.message) is not None
            and all(place in self.text for place in symptom.places)
        )


def shown(error: BaseException) -> Shown:
    """An error, and the errors that it came from."""
    chain = list(_chain(error))
    return Shown(
        {type(each).__name__ for each in chain},
        {getattr(each, "code", None) for each in chain},
        {sqlstate(each) for each in chain},
        "\n".join(map(str, chain)),
        "".join(traceback.format_exception(error)),
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(original := getattr(error, "orig", None), BaseException):
            yield original
        error = error.__cause__ or error.__context__


def pasted(error: BaseException, number: int) -> str:
    """An error's traceback as a stranger's program would print it, without the script's name."""
    return re.sub(rf"test0*{number}\w*", "app", "".join(traceback.format_exception(error)))


def met(entry: ScriptFile, database: db.Database) -> tuple[Result, list[Shown]]:
    """Run a script and note what it met: raised in its code, returned, logged, or warned of."""
    noted = list[Shown]()
    with _traced(str(entry.path), noted), _logged(noted):
        result = run_script(Script.of(entry.load()), database)
    for seen in result.observations.values():
        values = seen.value if isinstance(seen.value, list) else []
        errors = [each for each in [seen.error, *values] if isinstance(each, BaseException)]
        noted += map(shown, errors)
        for name, text in zip(seen.warnings, seen.warning_messages, strict=True):
            noted.append(Shown({name}, set(), set(), text, text))
    return result, noted


@contextmanager
def _traced(path: str, noted: list[Shown]) -> Iterator[None]:
    """Note what is raised in the functions of one file, also in threads of its own."""

    def called(frame: FrameType, event: str, argument: Any) -> Any:
        return inside if frame.f_code.co_filename == path else None

    def inside(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "exception" and not isinstance(argument[1], ENDS):
            noted.append(shown(argument[1].with_traceback(argument[2])))
        return inside

    before = sys.gettrace(), threading.gettrace()
    sys.settrace(called)
    threading.settrace(called)
    try:
        yield
    finally:
        sys.settrace(before[0])
        threading.settrace(before[1])


@contextmanager
def _logged(noted: list[Shown]) -> Iterator[None]:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info and record.exc_info[1]:
                noted.append(shown(record.exc_info[1]))

    handler = Handler(logging.ERROR)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
