"""Known errors lead to scripts, but errors of other programs do not."""

import asyncio
import json
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError, OperationalError

from orm_async_tests import catalogue, symptoms
from orm_async_tests.pytest_plugin.findings import CURES
from orm_async_tests.search import find_answers
from orm_async_tests.symptoms import find_scripts

KNOWN = {script.number: script.symptoms for script in catalogue.read_scripts()}
POOL = "QueuePool limit of size 5 overflow 10 reached"


def test_a_symptom_may_extend_over_two_lines() -> None:
    first, second = map(
        symptoms.parse,
        symptoms.SENTENCE.findall(
            'Symptom: you get DataError (SQLSTATE 22000) "out of range" on\n'
            'psycopg with "in main" and "app.py" in the traceback.\n'
            'Symptom: you get an error "out of memory".\n'
        ),
    )
    assert (first.error, first.sqlstate, first.fragment) == ("DataError", "22000", "out of range")
    assert (first.driver, first.places) == ("psycopg", ("in main", "app.py"))
    assert (second.description, second.parts) == (
        'an error "out of memory"',
        {("fragment", "out of memory")},
    )


@pytest.mark.parametrize(
    "text",
    [
        'DataError "out of range".',
        'you get DataError "out of range"',
        'you get DataError (22000) "out of range".',
        'you get "out of range".',
        "you get DataError on psycopg.",
        'you get DataError "out of range".\n\nThe next paragraph begins.',
    ],
)
def test_a_symptom_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not in the form of a symptom"):
        symptoms.parse(text)


def run_twice_on_sqlite(statement: str) -> None:
    """Run a statement twice through SQLAlchemy on SQLite."""
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("CREATE TABLE rows (id INTEGER PRIMARY KEY)")
            for _ in range(2):
                connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


async def time_out() -> None:
    """Raise TimeoutError."""
    async with asyncio.timeout(0):
        await asyncio.sleep(1)


def change_while_iterating() -> None:
    """Change a dictionary while a loop reads it."""
    growing: dict[int, int] = {1: 1}
    for key in growing:
        growing[key + 1] = 1


@pytest.mark.parametrize(
    ("error", "foreign"),
    [
        (ZeroDivisionError, lambda: 1 / 0),
        (KeyError, lambda: dict[str, int]()["session"]),
        (ValueError, lambda: int("pool")),
        (json.JSONDecodeError, lambda: json.loads("{")),
        (FileNotFoundError, lambda: Path("nowhere").read_text()),
        (TypeError, lambda: list(json.loads("null"))),
        (UnicodeDecodeError, lambda: b"\xff".decode()),
        (TimeoutError, lambda: asyncio.run(time_out())),
        (RuntimeError, change_while_iterating),
        (IntegrityError, lambda: run_twice_on_sqlite("INSERT INTO rows VALUES (1)")),
        (OperationalError, lambda: run_twice_on_sqlite("SELECT nothing")),
    ],
)
def test_a_traceback_of_another_program_names_no_script(
    error: type[Exception], foreign: Callable[[], Any]
) -> None:
    with pytest.raises(error) as caught:
        foreign()
    assert find_scripts("".join(traceback.format_exception(caught.value)), KNOWN) == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (POOL, 32),
        ("MissingGreenlet", 5),
        ("greenlet_spawn has not been called; can't call await_only() here", 5),
        ("sqlalchemy.exc.PendingRollbackError", 20),
        ("InvalidCachedStatementError: cached statement plan is invalid", 39),
        ("can\u2019t subtract offset-naive and offset-aware datetimes", 45),
        ("got Future <Future pending> attached to a different loop", 30),
        ("40P01", 101),
        ("(Background on this error at: https://sqlalche.me/e/21/bhk3)", 61),
        ("cannot perform operation: another operation\n   is in progress", 79),
    ],
)
def test_a_part_of_an_error_is_enough(text: str, number: int) -> None:
    assert number in find_scripts(text, KNOWN)


COMMAND_TIMED_OUT = """\
Traceback (most recent call last):
  File "/srv/app/main.py", line 41, in report
    await session.execute(QUERY)
  File "/srv/lib/python3.12/site-packages/sqlalchemy/ext/asyncio/session.py", line 463, in execute
    result = await greenlet_spawn(
  File "asyncpg/protocol/protocol.pyx", line 207, in bind_execute
TimeoutError
"""
CLOSE_CANCELLED = """\
Traceback (most recent call last):
  File "/srv/lib/python3.12/site-packages/sqlalchemy/ext/asyncio/session.py", line 1024, in close
    await greenlet_spawn(self.sync_session.close)
asyncio.exceptions.CancelledError
"""
QUERY_CANCELLED = """\
Traceback (most recent call last):
  File "/srv/app/main.py", line 41, in report
    await session.execute(QUERY)
  File "/srv/lib/python3.12/site-packages/sqlalchemy/ext/asyncio/session.py", line 463, in execute
    result = await greenlet_spawn(
asyncio.exceptions.CancelledError
"""
WAIT_TIMED_OUT = f"""\
{QUERY_CANCELLED}
The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/app/main.py", line 9, in main
    await asyncio.wait_for(report(), 2)
  File "/usr/lib/python3.11/asyncio/tasks.py", line 502, in wait_for
    raise exceptions.TimeoutError() from exc
TimeoutError
"""
SYNC_SESSION = """\
Traceback (most recent call last):
  File "/srv/app/main.py", line 41, in report
    session.execute(QUERY)
  File "/srv/lib/python3.12/site-packages/sqlalchemy/orm/session.py", line 1306, in \
_connection_for_bind
    elif conn.in_transaction():
sqlalchemy.ext.asyncio.exc.AsyncContextNotStarted: AsyncConnection context has not been started \
and object has not been awaited.
"""
OTHER_LOOP = "RuntimeError: Event loop is closed"
BUSY = "InterfaceError: cannot perform operation: another operation is in progress"
DETACHED = "DetachedInstanceError: Instance <User> is not bound to a Session; attribute refresh"
UNREADABLE = (
    "Error extracting attribute: MissingGreenlet: greenlet_spawn has not been called;"
    " can't call await_only() here. (Background on this error at: https://sqlalche.me/e/20/xd2s)"
)
NOTE = "async-orm: User.name was expired (orm-async-tests explain 7, 8); this User came from a.py:3"
NO_WITH = "TypeError: '{}' object does not support the context manager protocol"
NO_ASYNC_WITH = "TypeError: '{}' object does not support the asynchronous context manager protocol"
REFUSED = """connection to server at "127.0.0.1", port 1 failed: Connection refused
	Is the server running on that host and accepting TCP/IP connections?"""
NO_PASSWORD = 'password authentication failed for user "app"'
LAZY = "DetachedInstanceError: Parent instance <User> is not bound to a Session; lazy load"


def answers(text: str) -> list[int]:
    """Return the numbers of the scripts that `why` names for a text."""
    return find_answers(text)[0]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("greenlet_spawn has not been called", 5),
        ("greenlet_spawn has not been called after commit", 6),
        (f"{OTHER_LOOP}\n{BUSY}", 30),
        (f"{BUSY}\n{OTHER_LOOP}", 27),
        ("ValueError: the greenlet library is required to use this function.", 52),
        (COMMAND_TIMED_OUT, 73),
        (CLOSE_CANCELLED, 192),
        ("asyncpg.exceptions.ConnectionDoesNotExistError: connection was closed in the middle of"
         " operation", 33),
        ("ConnectionRefusedError: [Errno 111] Connect call failed ('127.0.0.1', 5432)", 144),
        ("asyncpg.exceptions.TooManyConnectionsError: sorry, too many clients already", 31),
        ("RuntimeWarning: coroutine 'AsyncSession.commit' was never awaited", 66),
        ('asyncpg.exceptions.ForeignKeyViolationError: insert or update on table "tours" violates'
         ' foreign key constraint "tours_fk"', 110),
        ("IllegalStateChangeError: Method 'close()' can't be called here", 26),
        ("Task exception was never retrieved: <<async_generator_athrow without __name__>()>"
         " exception=IllegalStateChangeError(\"Method 'close()' can't be called here\")", 226),
        ("ModuleNotFoundError: No module named 'greenlet'", 52),
        ("TypeError: connect() got an unexpected keyword argument 'sslmode'", 231),
        ("AttributeError: 'coroutine' object has no attribute 'scalars'", 228),
        ("TypeError: object ScalarResult can't be used in 'await' expression", 228),
        ("OSError: Multiple exceptions: [Errno 111] Connect call failed ('::1', 5432, 0, 0)", 144),
        (f"{DETACHED} operation cannot proceed", 6),
        ("current transaction is aborted, commands ignored until end of transaction block", 20),
        ("AttributeError: 'AsyncConnection' object has no attribute '_run_ddl_visitor'", 77),
        ("TypeError: 'AsyncResult' object is not iterable", 256),
        ('PostgresSyntaxError: syntax error at or near ":"', 219),
        ('PostgresSyntaxError: syntax error at or near "$1"', 221),
        ("sys:1: RuntimeWarning: coroutine 'AsyncSession.execute' was never awaited\n"
         "AttributeError: 'coroutine' object has no attribute 'scalars'", 228),
        (f"{LAZY} operation of attribute 'points' cannot proceed", 61),
        (f"ValidationError: 1 validation error for Order\nitems\n  {UNREADABLE}", 159),
        (f"ValidationError: 1 validation error for Order\npaid_at\n  {UNREADABLE}", 6),
        (f"fastapi.exceptions.ResponseValidationError: 1 validation error: {UNREADABLE}", 159),
        (f"ResponseValidationError: {UNREADABLE}\n{NOTE}", 7),
        (f"two-tasks: two tasks used one session at once\n    cure: {CURES['two-tasks']}", 24),
        ("  File \"app.py\", line 9, in add\n    await db.add(user)\n"
         "TypeError: object NoneType can't be used in 'await' expression", 244),
        ("SAWarning: The garbage collector is trying to clean up non-checked-in connection", 83),
        ('asyncpg.exceptions.NotNullViolationError: null value in column "id" violates not-null'
         ' constraint', 110),
        ("TypeError: MetaData.create_all() missing 1 required positional argument: 'bind'", 77),
        (NO_ASYNC_WITH.format("async_sessionmaker"), 256),
        (NO_ASYNC_WITH.format("Session"), 256),
        (NO_ASYNC_WITH.format("Connection"), 119),
        (NO_ASYNC_WITH.format("async_scoped_session"), 29),
        (NO_WITH.format("AsyncConnection"), 256),
        (NO_WITH.format("_AsyncGeneratorContextManager"), 256),
        (NO_WITH.format("_AsyncSessionContextManager"), 256),
        ("AttributeError: 'AsyncSession' object has no attribute 'exec'", 256),
        ("AttributeError: 'AsyncSession' object has no attribute 'bulk_save_objects'", 256),
        ("AttributeError: 'AsyncEngine' object has no attribute 'run_sync'", 256),
        ("AttributeError: 'AsyncEngine' object has no attribute '_run_ddl_visitor'", 77),
        ("AttributeError: '_AsyncGeneratorContextManager' object has no attribute 'execute'", 226),
        ("sqlalchemy.exc.ResourceClosedError: This Connection is closed", 64),
        (SYNC_SESSION, 256),
        ("AsyncContextNotStarted: AsyncConnection context has not been started", 126),
        (QUERY_CANCELLED, 34),
        ("ArgumentError: Textual SQL expression 'SELECT 1' should be explicitly declared as"
         " text('SELECT 1')", 260),
        ("sqlalchemy.exc.ObjectNotExecutableError: Not an executable object: 'SELECT 1'", 260),
        (WAIT_TIMED_OUT, 36),
        ("AttributeError: 'AsyncConnection' object has no attribute 'add'", 256),
        ("asyncpg.exceptions.QueryCanceledError: canceling statement due to user request", 34),
        ("ArgumentError: AsyncEngine expected, got Engine(postgresql+asyncpg:///app)", 119),
        ("InvalidRequestError: This connection has already initialized a SQLAlchemy Transaction()"
         " object via begin() or autobegin", 75),
        ("TypeError: async_scoped_session.__init__() missing 1 required positional argument:"
         " 'scopefunc'", 134),
        ("InvalidRequestError: 'User.posts' is not available due to lazy='raise_on_sql'", 13),
        ("RuntimeWarning: coroutine 'run_async_migrations' was never awaited", 51),
        (f"{QUERY_CANCELLED.replace('in report', 'in test_report')}"
         "RuntimeError: Task got Future attached to a different loop", 235),
        ("RuntimeError: <Queue maxsize=5 tasks=9> is bound to a different event loop", 261),
        ("ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)", 262),
        ("NoResultFound: No row was found when one was required", 263),
        ("MultipleResultsFound: Multiple rows were found when one or none was required", 263),
        ("ERROR [alembic.util.messaging] Target database is not up to date.", 264),
        ("FAILED: Can't locate revision identified by 'ae1027a6acf'", 264),
        ("alembic.util.exc.CommandError: Can't proceed with --autogenerate option; environment"
         " script env.py does not provide a MetaData object", 264),
        ("sqlalchemy.exc.ResourceClosedError: This transaction is closed", 26),
        ("InvalidRequestError: The session is in 'prepared' state; no further SQL", 26),
        ("TypeError: 'coroutine' object is not iterable", 228),
        ("UnmappedInstanceError: Class 'builtins.coroutine' is not mapped", 228),
        ("ArgumentError: SQL expression element expected, got <coroutine object scalar>", 228),
        ("asyncpg.exceptions.UndefinedColumnError: column users.age does not exist", 163),
        ('psycopg.errors.UndefinedColumn: column "age" of relation "users" does not exist', 163),
        ('InvalidAuthorizationSpecificationError: no pg_hba.conf entry for host "10.0.0.1", user'
         ' "app", database "app", no encryption', 231),
        ("CREATE DATABASE cannot run inside a transaction block", 162),
        ('ObjectInUseError: database "app" is being accessed by other users', 162),
        (f"OperationalError: (psycopg.OperationalError) connection failed: {REFUSED}", 144),
        (f"DBAPIError: (sqlalchemy.dialects.postgresql.asyncpg.Error) {NO_PASSWORD}", 144),
        ("DBAPIError: (sqlalchemy.dialects.postgresql.asyncpg.Error) connection was closed in the"
         " middle of operation: terminating connection due to administrator command", 33),
        ("StatementError: (sqlalchemy.exc.MissingGreenlet) greenlet_spawn has not been called;\n"
         "[SQL: SELECT users.id, users.expired, users.refresh FROM users WHERE 1]\n", 5),
        ("InvalidRequestError: This connection has already initialized a SQLAlchemy Transaction()"
         " object via begin() or autobegin; isolation_level may not be altered", 21),
        ('UniqueViolationError: doppelter Schlüsselwert verletzt Unique-Constraint »pkey«', 96),
        ("psycopg.errors.UniqueViolation: la valeur d'une clé dupliquée rompt la contrainte", 96),
        ("DeadlockDetectedError: обнаружена взаимоблокировка", 101),
        ("InvalidPasswordError: Passwort-Authentifizierung für Benutzer »app« fehlgeschlagen", 144),
        ("UnmappedInstanceError: Class 'builtins.NoneType' is not mapped", 263),
        ("AttributeError: 'ChunkedIteratorResult' object has no attribute 'name'", 228),
        ("TypeError: object of type 'ScalarResult' has no len()", 228),
        ("TypeError: 'coroutine' object is not subscriptable", 228),
        ("AttributeError: 'Select' object has no attribute 'all'", 256),
        ('could not obtain lock on relation "posts"', 104),
        ("InvalidRequestError: No such event 'before_commit' for target"
         " '<class 'sqlalchemy.ext.asyncio.session.AsyncSession'>'", 49),
        ("TimeoutError", 188),
        ("asyncio.exceptions.TimeoutError", 188),
        ("operator does not exist: boolean = integer", 222),
        ('NotNullViolationError: column "age" of relation "users" contains null values', 163),
        ("FAILED tests/test_a.py::test_x - sqlalchemy.exc.MissingGreenlet: greenlet_spawn has not"
         " been called; can't call await_only() here...", 5),
        ("app-1  | sqlalchemy.exc.MissingGreenlet: greenlet_spawn has not been called (Background"
         " on this error at:\napp-1  | https://sqlalche.me/e/20/xd2s)", 5),
        (NO_ASYNC_WITH.format("AsyncEngine"), 256),
    ],
)  # fmt: skip
def test_the_first_answer_belongs_to_the_cause(text: str, first: int) -> None:
    assert answers(text)[0] == first


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('asyncpg.exceptions.DuplicateObjectError: type "status" already exists', 177),
        ("sqlalchemy.exc.ResourceClosedError: This Connection is closed", 33),
        ("ERROR: the message of an unknown fault, SQLSTATE: 0A000", 39),
        ("AttributeError: name", 228),
        ("KeyError: 'url'", 51),
        ("operator does not exist: uuid = character varying", 222),
        ("operator does not exist: integer = character varying", 222),
        ('ProgrammingError: type "vector" does not exist', 237),
        ('psycopg.errors.UndefinedObject: type "vector" does not exist', 237),
        ("asyncpg.exceptions.ProtocolViolationError: no such database: app", 179),
        ("No such event 'x' for target '<class 'sqlalchemy.orm.session.Session'>'", 49),
        ("TypeError: tuple indices must be integers or slices, not str", 228),
        ("TypeError: Object of type datetime is not JSON serializable", 114),
    ],
)
def test_a_part_of_another_error_is_no_answer(text: str, wrong: int) -> None:
    numbers, is_sure = find_answers(text)
    assert not is_sure or wrong not in numbers


def test_words_order_the_scripts_that_match_an_error_equally_well() -> None:
    assert answers("MissingGreenlet after commit")[0] == 6
    assert answers("MissingGreenlet in a thread")[0] == 130


def test_words_lead_to_scripts() -> None:
    assert answers("populate_existing option of get")[0] == 147
    assert answers("keep tests apart with TRUNCATE")[0] == 162
    assert answers("SQLModel async session exec")[0] == 256


def test_the_closest_scripts_are_close_to_the_message_and_not_to_the_frames() -> None:
    frames = '  File "/srv/app/pool.py", line 41, in timeout\n' * 30
    message = 'IntegrityError: null value in column "id" violates not-null constraint'
    text = f"Traceback (most recent call last):\n{frames}{message}\n"
    assert find_answers(text) == find_answers(message)
