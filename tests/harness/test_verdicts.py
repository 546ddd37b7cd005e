"""Verdicts: when a script is BROKEN, SKIPPED or UPSTREAM."""

import importlib.metadata
import re

import pytest

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.report.render import render_full
from orm_async_tests.harness.report.result import document
from orm_async_tests.harness.run import observer
from orm_async_tests.verdicts import BROKEN, HOLDS, SKIPPED, UPSTREAM
from tests.harness.example_scripts import ran, script

TROUBLES = {
    "a right variant that raises": """
        @right
        async def go(session):
            await session.execute(text("SELECT nonsense"))
    """,
    "a warning": """
        @variant
        async def go():
            warnings.warn("something", UserWarning)
    """,
    "a coroutine that is never awaited": """
        @variant
        async def go(session):
            session.execute(text("SELECT 1"))
    """,
    "a leaked connection": """
        kept = []
        @variant
        async def go(engine):
            kept.append(await engine.connect())
    """,
    "an open session": """
        kept = []
        @variant
        async def go(engine):
            kept.append(AsyncSession(engine))
            await kept[0].execute(text("SELECT 1"))
    """,
    "an open driver connection": """
        from sqlalchemy.ext.asyncio import create_async_engine
        engines = []
        @variant
        async def go(url):
            engines.append(create_async_engine(url))
            async with engines[0].connect():
                pass
    """,
    "a running task": """
        tasks = []
        @variant
        async def go():
            tasks.append(asyncio.create_task(asyncio.Event().wait()))
    """,
    "a task that is garbage-collected before its end": """
        @variant
        async def go():
            async def wait():
                await asyncio.get_running_loop().create_future()
            asyncio.create_task(wait())
            await asyncio.sleep(0)
            gc.collect()
    """,
    "an exception that is never retrieved": """
        @variant
        async def go():
            async def fail():
                raise ValueError
            asyncio.create_task(fail())
            await asyncio.sleep(0)
    """,
    "an exception in a destructor": """
        class Fails:
            def __del__(self):
                raise ValueError
        @variant
        async def go():
            Fails()
    """,
    "an error of the session after an error of the variant": """
        @variant
        async def go(session):
            async def fail():
                raise ValueError
            session.close = fail
            raise KeyError
    """,
    "an error that is only logged": """
        @variant
        async def go():
            logging.getLogger("some.library").error("something")
    """,
    "a check that fails": """
        @variant
        async def go():
            return 1
        def check(go):
            assert go.value == 2
    """,
    "a check that raises something else": """
        @variant
        async def go():
            return 1
        def check(go):
            assert go.error.code == "xd2s"
    """,
}


LEAKS = ("a leaked connection", "an open session", "an open driver connection")


def wait_briefly_for_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait only briefly for connections that a variant leaves open on purpose."""
    monkeypatch.setattr(observer, "CLOSED_WITHIN", 0.1)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_script_is_broken_by(
    trouble: str, database: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trouble in LEAKS:
        wait_briefly_for_leaks(monkeypatch)
    result = ran(TROUBLES[trouble], database)

    assert result.verdict.word == BROKEN
    assert result.verdict.reason


ALLOWED = {
    "warns": 'warnings.warn("something", UserWarning)',
    "unhandled": 'logging.getLogger("some.library").error("something")',
    "leaks": "kept.append(await engine.connect())",
    "tasks": "kept.append(asyncio.create_task(asyncio.Event().wait()))",
}


@pytest.mark.parametrize("term", ALLOWED)
def test_a_check_judges_what_its_variant_declares(
    term: str, database: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if term == "leaks":
        wait_briefly_for_leaks(monkeypatch)
    body = f"""
        kept = []
        @variant({term}=True)
        async def go(engine):
            {ALLOWED[term]}
        def check(go):
            assert len(go.warnings + go.unhandled) + go.leaked + go.tasks == 1
    """
    assert ran(body, database).verdict.word == HOLDS


def script_with_defect(versions: str, outcome: int) -> str:
    """Return a script with a defect in these versions, which shows unless the outcome is 1."""
    return f"""
        DEFECT = Upstream("it is not 1", {{"sqlalchemy": "{versions}"}}, "https://example.org/1")
        OTHER = Upstream("it is not 1 or 2", {{"asyncpg": ">=0"}}, "https://example.org/2")
        @variant
        async def go():
            return {outcome}
        def check(go):
            with DEFECT:
                assert go.value == 1
            with OTHER:
                assert go.value < 0
            assert go.value < 3
    """


@pytest.mark.parametrize(
    ("versions", "outcome", "verdict"),
    [
        (">=2", 2, UPSTREAM),
        ("<1 or >=2,<3", 2, UPSTREAM),
        (">=2", 1, BROKEN),  # fixed: the range must be narrowed
        (">=99", 2, BROKEN),  # it shows outside its range
        (">=99", 1, UPSTREAM),  # only the other one shows
        (">=2", 3, BROKEN),  # the check continues, and fails at another assertion
    ],
)
def test_defects_are_expected_in_their_versions_only(
    versions: str, outcome: int, verdict: str, database: db.Database
) -> None:
    assert ran(script_with_defect(versions, outcome), database).verdict.word == verdict


def test_a_defect_is_printed_as_a_sentence_and_a_link(database: db.Database) -> None:
    result = ran(script_with_defect(">=2", 2), database)

    lines = [text.strip() for _, text in render_full(result)]
    assert lines[lines.index("UPSTREAM On sqlalchemy >=2, it is not 1.") :] == [
        "UPSTREAM On sqlalchemy >=2, it is not 1.",
        "https://example.org/1",
        "On asyncpg >=0, it is not 1 or 2.",
        "https://example.org/2",
        *(f"{proof:58}{values}" for proof, values in PROOFS),
    ]
    [record] = document([result])["results"]
    assert [defect["link"][-1] for defect in record["defects"]] == ["1", "2"]
    assert [evidence["holds"] for evidence in record["evidence"]] == [False, False, True]


PROOFS = [
    ("x go.value == 1", "2 == 1"),
    ("x go.value < 0", "2 < 0"),
    ("= go.value < 3", "2 < 3"),
]


@pytest.mark.parametrize(
    ("versions", "applies"),
    [
        ('SINCE = "2.0.44"', True),
        ('SINCE = "99"', False),
        ('SINCE = ">=1.4.1,<2 or >=2.0.44"', True),
        ('SINCE = ">=1.4.1,<2 or >=99"', False),
        ('ONLY = "asyncpg"', True),
        ('ONLY = "asyncpg>=0.30"', True),
        ('ONLY = "asyncpg>=99"', False),
        ('ONLY = "psycopg"', False),
    ],
)
def test_a_script_runs_on_the_versions_to_which_it_applies(
    versions: str, applies: bool, database: db.Database
) -> None:
    verdict = ran(f"{versions}\n@variant\nasync def go():\n    pass", database).verdict
    assert verdict.word == (HOLDS if applies else SKIPPED)


@pytest.mark.parametrize(
    "need",
    ['SINCE = "99"', 'ONLY = "psycopg"', "@variant\nasync def read():\n    import no_such_package"],
)
def test_a_script_that_cannot_run_here_is_skipped_with_its_reason(
    need: str, database: db.Database
) -> None:
    result = ran(f"{need}\n@variant\nasync def go():\n    pass", database)

    assert result.verdict.word == SKIPPED
    assert result.verdict.reason
    assert result.observations == {}


def test_a_count_on_the_wire_needs_a_wire(database: db.Database) -> None:
    tls = database.url.update_query_dict({"ssl": "prefer"})
    result = ran("@variant\nasync def go(wire):\n    pass", db.Database(tls, "url", "with TLS"))
    assert result.verdict.word == SKIPPED


@pytest.mark.parametrize("fixture", ["private_server", "private_url", "standby", "standby_url"])
def test_a_private_server_needs_binaries(
    fixture: str, database: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORM_ASYNC_PG_BIN", "/nowhere")
    result = ran(f"@variant\nasync def go({fixture}):\n    pass", database)
    assert result.verdict.word == SKIPPED
    assert "ORM_ASYNC_PG_BIN" in result.verdict.reason


def test_a_pooler_needs_pgbouncer(database: db.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORM_ASYNC_PGBOUNCER", "no_such_program")
    result = ran("@variant\nasync def go(pooler):\n    pass", database)
    assert result.verdict.word == SKIPPED
    assert "apt-get install pgbouncer" in result.verdict.reason


@pytest.mark.parametrize(
    ("setting", "need"),
    [("'0'", "pgbouncer"), ("'200'", "pgbouncer>=1.21"), ("N", "pgbouncer>=1.21")],
)
def test_a_pooler_that_keeps_statements_needs_a_newer_pgbouncer(
    setting: str, need: str, database: db.Database
) -> None:
    variant = (
        f"@variant\nasync def go(pooler):\n    pooler.start(max_prepared_statements={setting})"
    )
    assert ran(f"ONLY = 'psycopg'\nN = '9'\n{variant}", database).script.requirements == {need}


def test_the_stack_is_named(database: db.Database) -> None:
    stack = ran("@variant\nasync def go():\n    pass", database).stack
    assert stack.sqlalchemy == importlib.metadata.version("sqlalchemy")
    assert stack.driver == "asyncpg"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("@variant\nasync def go(sesion): pass", "function go .*: sesion\n.*engine, .*session, "),
        ("def check(stack, one): pass", "function check .*: one\n.*names stack"),
        ("del check", "no function `check`"),
    ],
)
def test_a_malformed_script_is_refused(body: str, message: str) -> None:
    with pytest.raises(CouldNotRun) as refused:
        script(f"def check(): pass\n{body}")
    assert re.search(message, str(refused.value), re.DOTALL)


def test_tables_of_a_script_need_a_schema(database: db.Database) -> None:
    body = """
        from sqlalchemy.orm import DeclarativeBase
        class Base(DeclarativeBase):
            pass
        @variant
        async def go():
            pass
    """
    with pytest.raises(CouldNotRun, match="MetaData"):
        ran(body, database)


@pytest.mark.parametrize(
    ("body", "functions"),
    [
        ("go.driver_connection.terminate()", set()),
        ("await activity.terminate()", {"pg_terminate_backend"}),
        ("func.pg_notify('channel', '')", {"pg_notify"}),
        ('text("SELECT pg_sleep(1)")', {"pg_sleep"}),
        ('"""Do not call pg_sleep(1)."""', set()),
    ],
)
def test_functions_are_read_from_code_and_not_from_prose(body: str, functions: set[str]) -> None:
    source = f"from sqlalchemy import func\n@variant\nasync def go(activity):\n    {body}"
    assert script(source).functions == functions
