"""The command `orm-async-tests why` explains an error, or says that it knows no explanation."""

import re

import pytest

from tests.cli.commands import orm

POOL = "QueuePool limit of size 5 overflow 10 reached"


@pytest.mark.parametrize(
    "text",
    [
        "kubernetes ingress",
        "KeyError: 'session pool commit flush'",
        "sqlalchemy.exc.NoForeignKeysError: Could not determine join condition",
        "pandas read_sql with async engine",
        "ssl.SSLCertVerificationError: certificate verify failed: self-signed certificate",
        "FastAPIError: Invalid args for response field! Hint: check that <class 'app.Item'>",
    ],
)
def test_without_a_fitting_script_why_is_not_sure(text: str) -> None:
    done = orm("why", text)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("no script ")
    assert done.stderr.count("\n  test") <= 3
    assert ("come closest" in done.stderr) == ("\n  test" in done.stderr)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("InvalidRequestError: The asyncio extension requires an async driver to be used.",
         "postgresql+asyncpg://"),
        ("AttributeError: 'Depends' object has no attribute 'execute'", "pass the session to it"),
        ("TypeError: Invalid argument(s) 'pool_size' sent to create_engine(), using configuration"
         " PGDialect_asyncpg/NullPool/Engine.", "omit pool_size"),
        ("RuntimeError: asyncio.run() cannot be called from a running event loop", "await main()"),
        ("InvalidRequestError: This nested transaction is inactive", "Call begin() again"),
        ("InvalidRequestError: Instance '<User at 0x7f>' is not persisted", "session.expunge()"),
        ("InvalidRequestError: Could not refresh instance '<User at 0x7f>'", "session.get()"),
        ("UnmappedInstanceError: Class 'builtins.list' is not mapped", "add_all()"),
        ("ValueError: invalid interpolation syntax in 'postgresql://app:p%40s@db/app'", '"%%"'),
        ("FastAPIError: Invalid args for response field! Hint: check that"
         " <class 'sqlalchemy.ext.asyncio.session.AsyncSession'> is a valid Pydantic field type",
         "Depends(get_session)"),
        ('DatatypeMismatchError: column "state" is of type state but expression is of type'
         " character varying", "Enum()"),
        ("ArgumentError: Could not parse SQLAlchemy URL from given URL string", "is empty"),
        ("async def functions are not natively supported.", "pytest-asyncio"),
        ("ObjectDeletedError: Instance '<User at 0x7f>' has been deleted, or its row is otherwise"
         " not present.", "session.get()"),
        ("ArgumentError: Expected string or URL object, got None", "environment variable"),
        ("UnmappedInstanceError: Class 'builtins.dict' is not mapped", "User(**values)"),
        ("TypeError: Invalid argument(s) 'pool_max' sent to create_engine(), using configuration"
         " PGDialect_asyncpg/AsyncAdaptedQueuePool/Engine.", "spelling"),
        ('invalid byte sequence for encoding "UTF8": 0x00', "NUL"),
        ("PostgreSQL text fields cannot contain NUL (0x00) bytes", "replace("),
        ("UnmappedInstanceError: Class 'sqlalchemy.engine.row.Row' is not mapped", "scalars()"),
        ('ProgrammingError: type "vector" does not exist', "CREATE EXTENSION"),
        ("operator does not exist: uuid = character varying", "cast()"),
        ("(builtins.TypeError) Object of type datetime is not JSON serializable\n"
         "  File \"/lib/sqlalchemy/x.py\", line 1, in f", "json_serializer"),
        ("UnboundExecutionError: Could not locate a bind configured on mapper Mapper[User(users)]",
         "async_sessionmaker(engine)"),
    ],
)  # fmt: skip
def test_why_gives_the_reason_where_no_script_can_answer(text: str, remedy: str) -> None:
    done = orm("why", text)
    assert done.returncode == 1
    assert remedy in done.stdout


def test_why_prints_the_answer_to_a_question_about_the_same_error() -> None:
    done = orm("why", "TypeError: 'coroutine' object is not iterable")
    assert "  answer: Write `for user in await session.scalars(query)`.\n" in done.stdout
    assert "  answer: " not in orm("why", POOL).stdout


def test_list_takes_words() -> None:
    done = orm("list", "skip", "locked", "queue")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["test99"]
    assert orm("list", "skip", "locked", "xylophone").stdout.startswith(done.stdout)
    assert orm("list", "xylophone").returncode == 1


def test_list_says_how_many_scripts_it_does_not_list() -> None:
    done = orm("list", "session")
    assert len(done.stdout.splitlines()) == 10
    assert re.match(r"10 of \d+ scripts\n  to see other scripts, add a word", done.stderr)


@pytest.mark.parametrize("encoding", ["", "utf-8", "utf-8-sig", "utf-16"])
def test_why_prints_cause_cure_and_command(encoding: str) -> None:
    pasted = f"Traceback ...\r\n{POOL}, timed out\r\n"
    done = orm("why", stdin=pasted.encode(encoding)) if encoding else orm("why", POOL)
    assert done.returncode == 0
    assert done.stdout.startswith("test32  ")
    assert "  cure: call a function that receives the session (variant passed_down)" in done.stdout
    assert "  type: orm-async-tests explain 32" in done.stdout


def test_why_names_the_rule_that_finds_the_mistake_in_source_code() -> None:
    line = "  lint: orm-async-tests lint finds this mistake as OAT201 (swallowed-error)\n"
    assert line in orm("why", "current transaction is aborted").stdout
    assert "  lint: " not in orm("why", POOL).stdout


def test_why_says_so_when_it_knows_no_script() -> None:
    done = orm("why", "ZeroDivisionError: division by zero")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no script shows this error" in done.stderr
    assert "paste the whole traceback" in done.stderr
    traceback = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: x\n'
    assert "whole traceback" not in orm("why", stdin=traceback).stderr


def test_why_reads_bytes_that_are_not_utf_8() -> None:
    assert orm("why", stdin=b"\xff " + POOL.encode()).stdout.startswith("test32  ")


def test_why_without_an_error_names_the_remedy() -> None:
    for done in (orm("why", stdin=" \n"), orm("why", " ")):
        assert done.returncode == 2
        assert "  fix:   run orm-async-tests why" in done.stderr
