"""Tracebacks from programs, logs and pytest lead to the user's line and to a script."""

import json
import re

import pytest

from orm_async_tests import tracebacks
from orm_async_tests.search import find_answers
from tests.cli.commands import orm

TIMED_OUT = """\
Traceback (most recent call last):
  File "asyncpg/protocol/protocol.pyx", line 207, in bind_execute
asyncio.exceptions.CancelledError

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/app/main.py", line 41, in report
    await session.execute(QUERY)
  File "/srv/lib/python3.12/site-packages/sqlalchemy/ext/asyncio/session.py", line 463, in execute
    result = await greenlet_spawn(
  File "/usr/lib/python3.12/asyncio/timeouts.py", line 115, in __aexit__
    raise TimeoutError from exc_val
TimeoutError
"""


def answers(text: str) -> list[int]:
    """Return the numbers of the scripts that `why` names for a text."""
    return find_answers(text)[0]


def test_a_tracebacks_first_answer_is_the_users_own_line() -> None:
    assert tracebacks.user_line(TIMED_OUT) == "main.py:41 in report: await session.execute(QUERY)"
    assert orm("why", stdin=TIMED_OUT).stdout.startswith("main.py:41 in report: ")
    assert answers(TIMED_OUT)[0] == 36
    assert tracebacks.user_line("RuntimeError: Event loop is closed") == ""


def test_the_own_line_is_the_one_that_raised_the_first_error() -> None:
    later = TIMED_OUT.replace("line 41", "line 90")
    log = (
        f"{TIMED_OUT}\nDuring handling of the above exception, another exception occurred:\n{later}"
    )
    assert tracebacks.user_line(log).startswith("main.py:41 ")


def test_a_frame_of_a_compiled_module_is_not_the_users_own_line() -> None:
    frame = 'File "lib/sqlalchemy/engine/_result_cy.py", line 364, in sqlalchemy.engine._allrows'
    log = TIMED_OUT.replace('File "/usr/lib/python3.12/asyncio/timeouts.py", line 115', frame)
    assert tracebacks.user_line(log).startswith("main.py:41 ")


LAZY_LOAD = """\
Traceback (most recent call last):
  File "/srv/app/main.py", line 41, in report
    print("é", user.points)
               ^^^^^^^^^^^
  File "/srv/site-packages/sqlalchemy/orm/strategies.py", line 1180, in _emit_lazyload
    result = session.execute(
  File "/srv/site-packages/sqlalchemy/util/concurrency.py", line 161, in await_
    raise exc.MissingGreenlet(
sqlalchemy.exc.MissingGreenlet: greenlet_spawn has not been called; can't call await_() here.
"""
PYTEST_SHORT = """\
________________ test_report ________________
main.py:41: in report
    print("é", user.points)
.venv/lib/python3.12/site-packages/sqlalchemy/orm/strategies.py:1180: in _emit_lazyload
    result = session.execute(
E   sqlalchemy.exc.MissingGreenlet: greenlet_spawn has not been called; can't call await_() here.
"""
PYTEST_LONG = """\
________________ test_report ________________

    async def report(user):
        lines.append("report")
>       print("é", user.points)

main.py:41:
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _
.venv/lib/python3.12/site-packages/sqlalchemy/orm/strategies.py:1180: in _emit_lazyload
    result = session.execute(
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _

    def await_(awaitable):
>           raise exc.MissingGreenlet(
E           sqlalchemy.exc.MissingGreenlet: greenlet_spawn has not been called

.venv/lib/python3.12/site-packages/sqlalchemy/util/concurrency.py:161: MissingGreenlet
"""
ESCAPED = json.dumps({"level": "error", "exc_info": LAZY_LOAD})


@pytest.mark.parametrize(
    "text",
    [
        LAZY_LOAD,
        LAZY_LOAD.replace("\n", "\r\n"),
        re.sub(r"(?<=File )(\S+),", "\x1b[35m\\1\x1b[0m,", LAZY_LOAD),
        re.sub("^", "web-1  | 10:00:00 ERROR ", LAZY_LOAD, flags=re.MULTILINE),
        ESCAPED,
        json.dumps({"log": ESCAPED}),
        LAZY_LOAD[20:],
        PYTEST_SHORT,
        PYTEST_LONG,
    ],
)
def test_a_traceback_may_come_from_a_log_or_from_pytest(text: str) -> None:
    restored = tracebacks.restore_tracebacks(text)
    assert tracebacks.user_line(restored) == 'main.py:41 in report: print("é", user.points)'
    assert answers(restored)[0] == 5


def test_the_source_in_a_traceback_of_rich_is_not_searched_for_words() -> None:
    box = """\
╭──────── Traceback (most recent call last) ────────╮
│ /srv/sqlalchemy/orm/strategies.py:1180 in _emit_lazyload │
│ ❱ 1180 │   result = recursion_depth(selectinload) │
╰────────────────────────────────────────────────────╯
MissingGreenlet: greenlet_spawn has not been called; can't call await_() here.
"""
    assert answers(box)[0] == 5


def test_a_traceback_without_its_beginning_lacks_no_place() -> None:
    assert answers(LAZY_LOAD[LAZY_LOAD.rindex("  File") :])[0] == 5
