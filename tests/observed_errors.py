"""Collects every error in the code of a script, even if the code catches the error."""

import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Any, NamedTuple

from orm_async_tests import db
from orm_async_tests.db import sqlstate
from orm_async_tests.harness.report.result import Result
from orm_async_tests.harness.run.runner import run_script
from orm_async_tests.harness.script import Script
from orm_async_tests.symptoms import Symptom

LONGEST_LINE = 1000  # characters
# Coroutines and generators return by raising these.
CONTROL_FLOW = (StopIteration, StopAsyncIteration, GeneratorExit)


class ErrorRecord(NamedTuple):
    """The properties of an error or a warning that a symptom describes.

    The properties are copies, because a reference to the error would keep sessions open.
    """

    names: set[str]
    codes: set[Any]
    states: set[str | None]
    message: str
    text: str

    def matches(self, symptom: Symptom) -> bool:
        """Return whether every part of a symptom matches the error."""
        fragment = re.escape(symptom.fragment).replace(r"\.\.\.", r"\S+")
        return (
            symptom.error in {"", *self.names}
            and symptom.code in {"", *self.codes}
            and symptom.sqlstate in {"", *self.states}
            and re.search(fragment, self.message) is not None
            and all(place in self.text for place in symptom.places)
        )


def record_error(error: BaseException) -> ErrorRecord:
    """Return the record of an error and its causes."""
    chain = list(_chain(error))
    return ErrorRecord(
        {type(link).__name__ for link in chain},
        {getattr(link, "code", None) for link in chain},
        {sqlstate(link) for link in chain},
        "\n".join(map(str, chain)),
        "".join(traceback.format_exception(error)),
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(original := getattr(error, "orig", None), BaseException):
            yield original
        error = error.__cause__ or error.__context__


def format_anonymously(error: BaseException, number: int) -> str:
    """Return an error's traceback without the script's name, as another program would print it.

    Cut long lines, for example a statement with thousands of parameters, which take seconds to
    search.
    """
    lines = "".join(traceback.format_exception(error)).splitlines()
    text = "\n".join(line[:LONGEST_LINE] for line in lines)
    return re.sub(rf"test0*{number}\w*", "app", text)


def run_and_collect(
    script: Script, database: db.Database, *, is_traced: bool
) -> tuple[Result, list[ErrorRecord]]:
    """Run a script, and return its result and the errors in its code.

    The errors include returned errors, logged errors and warnings. If the code is traced, which
    doubles the time, the errors also include errors that the code caught.
    """
    records = list[ErrorRecord]()
    tracer = _collect_raised(script.file, records) if is_traced else nullcontext()
    with tracer, _collect_logged(records):
        result = run_script(script, database)
    for observation in result.observations.values():
        values = observation.value if isinstance(observation.value, list) else []
        candidates = [observation.error, *values]
        records += [record_error(error) for error in candidates if isinstance(error, BaseException)]
        warnings = zip(observation.warnings, observation.warning_messages, strict=True)
        records += [ErrorRecord({name}, set(), set(), text, text) for name, text in warnings]
    return result, records


@contextmanager
def _collect_raised(path: str, records: list[ErrorRecord]) -> Iterator[None]:
    """Record the exceptions of the functions in one file, in every thread."""

    def trace_call(frame: FrameType, event: str, argument: Any) -> Any:
        return trace_line if frame.f_code.co_filename == path else None

    def trace_line(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "exception" and not isinstance(argument[1], CONTROL_FLOW):
            records.append(record_error(argument[1].with_traceback(argument[2])))
        return trace_line

    before = sys.gettrace(), threading.gettrace()
    sys.settrace(trace_call)
    threading.settrace(trace_call)
    try:
        yield
    finally:
        sys.settrace(before[0])
        threading.settrace(before[1])


@contextmanager
def _collect_logged(records: list[ErrorRecord]) -> Iterator[None]:
    """Record logged errors."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info and record.exc_info[1]:
                records.append(record_error(record.exc_info[1]))

    handler = Handler(logging.ERROR)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
