"""The documented Alembic commands, some of them in separate processes."""

import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from orm_async_tests import db, migrations, urls
from orm_async_tests.exit_codes import COULD_NOT_RUN, INTERRUPTED
from tests.conftest import execute, make_sync_engine, with_url
from tests.migrations.conftest import ROOT, Alembic, run_alembic
from tests.processes import WAITED_FOR, until

FIRST_REVISIONS = {"alembic": "97eeeb1ead54", "service": "c41f7a9d20be"}  # by section
NOWHERE = db.Database(urls.parse_url("postgresql://127.0.0.1:1/x", "--db"), "url", "nowhere")
SECTIONS = pytest.mark.parametrize("section", FIRST_REVISIONS)


def start_alembic(database: db.Database, *arguments: str) -> "subprocess.Popen[str]":
    """Start an alembic process with warnings as errors."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "alembic.config", *arguments],
        cwd=ROOT,
        env=with_url(database),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@SECTIONS
def test_a_history_goes_up_and_down_twice(alembic: Alembic, section: str) -> None:
    name = ("-n", section)
    for _ in range(2):
        alembic(*name, "upgrade", FIRST_REVISIONS[section])
        alembic(*name, "upgrade", "head")
        alembic(*name, "upgrade", "head")
        alembic(*name, "check")
        assert "(head)" in alembic(*name, "current")
        alembic(*name, "downgrade", "-1")
        alembic(*name, "downgrade", "base")
        assert FIRST_REVISIONS[section] in alembic(*name, "history")


@SECTIONS
def test_a_history_neither_needs_nor_changes_the_other(alembic: Alembic, section: str) -> None:
    (other,) = FIRST_REVISIONS.keys() - {section}
    alembic("-n", section, "upgrade", "head")
    alembic("-n", other, "upgrade", "head")
    alembic("-n", section, "check")
    alembic("-n", other, "downgrade", "base")
    assert "(head)" in alembic("-n", section, "current")


UNITE_HISTORIES = (  # as in a release with both histories as branches of one environment
    "DELETE FROM service.alembic_version",
    "DROP TABLE service.alembic_version",
    "INSERT INTO public.alembic_version VALUES ('c41f7a9d20be')",
    "INSERT INTO users (username) VALUES ('walker')",
    "INSERT INTO service.idempotency_keys (key, request) VALUES ('k', 'r')",
)
COUNT_ROWS = "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM service.idempotency_keys)"


@SECTIONS
def test_histories_in_one_version_table_are_separated_without_loss(
    empty_database: db.Database, alembic: Alembic, section: str
) -> None:
    (other,) = FIRST_REVISIONS.keys() - {section}
    for name in FIRST_REVISIONS:
        alembic("-n", name, "upgrade", "head")
    execute(empty_database, *UNITE_HISTORIES)
    for name in (section, other, section):
        alembic("-n", name, "upgrade", "head")
        assert "(head)" in alembic("-n", name, "current")
        alembic("-n", name, "check")
    assert execute(empty_database, COUNT_ROWS) == [2]


def test_sql_is_printed_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", with_url(NOWHERE)["DATABASE_URL"])
    assert "CREATE TABLE users" in run_alembic("upgrade", "head", "--sql")
    service = run_alembic("-n", "service", "upgrade", "head", "--sql")
    assert "service.alembic_version" in service
    assert "DROP INDEX" in run_alembic("downgrade", "5b8c0f2d9a41:97eeeb1ead54", "--sql")


def test_autogenerate_writes_a_revision_that_changes_nothing(
    alembic: Alembic, tmp_path: Path
) -> None:
    # A copy of the project, because other tests read the folder of revisions.
    shutil.copytree(ROOT / "src/alembic", tmp_path / "src/alembic")
    ini = Path(shutil.copy(ROOT / "alembic.ini", tmp_path))
    alembic("upgrade", "head")
    revise = ["revision", "--autogenerate", "-m", "of tests", "--rev-id", "feed"]
    run_alembic(*revise, ini=ini)

    revision = tmp_path / "src/alembic/versions/feed_of_tests.py"
    assert "op." not in revision.read_text("utf-8")
    assert migrations.read_revision(revision) == ("feed", migrations.heads(migrations.TRACKING))


@pytest.mark.parametrize(
    ("text", "parents"),
    [
        ("revision = 'b'\ndown_revision = None", frozenset[str]()),
        ('revision: str = "b"\ndown_revision: str | None = "a"', frozenset({"a"})),
        ("revision = 'b'\ndown_revision = ('a', 'c')", frozenset({"a", "c"})),
    ],
)
def test_a_revision_file_is_read_in_every_form(
    tmp_path: Path, text: str, parents: frozenset[str]
) -> None:
    path = tmp_path / "b.py"
    path.write_text(text)
    assert migrations.read_revision(path) == ("b", parents)


def test_a_foreign_database_is_refused(
    empty_database: db.Database, alembic: Alembic, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(empty_database, "CREATE TABLE theirs (id int)")
    with pytest.raises(SystemExit) as ended:
        alembic("upgrade", "head")
    assert ended.value.code == COULD_NOT_RUN
    assert f"the database '{empty_database.label}' belongs" in capsys.readouterr().err
    assert execute(empty_database, "SELECT to_regclass('users')") == [None]


def test_an_unreachable_database_is_refused_by_the_process() -> None:
    with start_alembic(NOWHERE, "upgrade", "head") as process:
        output, errors = process.communicate()
    assert (process.returncode, output) == (COULD_NOT_RUN, "")
    assert errors.startswith("db: url postgresql+asyncpg://127.0.0.1:1/x")
    assert errors.count("\n") == 4


def test_an_unknown_argument_is_refused(
    alembic: Alembic, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        alembic("-x", "database=embedded", "current")
    assert ended.value.code == COULD_NOT_RUN
    assert "the argument 'database' is unknown" in capsys.readouterr().err


def test_the_error_names_the_argument_that_names_no_database(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        run_alembic("-x", "db=nonsense", "current")
    with pytest.raises(SystemExit):
        migrations.run_alembic(["current"], migrations.TRACKING, "nonsense")
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "where:" in line] == ["  where: -x db", "  where: --db"]


def test_ctrl_c_ends_a_waiting_upgrade_without_a_traceback(empty_database: db.Database) -> None:
    engine = make_sync_engine(empty_database)
    with engine.connect() as holder, engine.connect() as watcher:
        migrations.lock_transaction(holder)
        with start_alembic(empty_database, "upgrade", "head") as process:
            until(lambda: watcher.scalar(WAITED_FOR, {"locktype": "advisory"}))
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate()
    assert process.returncode == INTERRUPTED
    assert errors.startswith("db: ")
    assert errors.count("\n") == 1


@pytest.mark.thorough  # test_states.py upgrades twice at once among the default tests
@SECTIONS
def test_three_upgrades_of_an_empty_database_at_once_take_turns(
    empty_database: db.Database, alembic: Alembic, section: str
) -> None:
    engine = make_sync_engine(empty_database)
    with engine.connect() as holder, engine.connect() as watcher, ExitStack() as upgrades:
        migrations.lock_transaction(holder)
        started = [
            upgrades.enter_context(start_alembic(empty_database, "-n", section, "upgrade", "head"))
            for _ in range(3)
        ]
        until(lambda: watcher.scalar(WAITED_FOR, {"locktype": "advisory"}) == len(started))
        holder.rollback()
        outputs = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], outputs
    assert "warning" not in str(outputs).lower()
    assert "(head)" in alembic("-n", section, "current")


def test_no_connection_stays_open(empty_database: db.Database, alembic: Alembic) -> None:
    alembic("upgrade", "head")
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    assert execute(empty_database, count) == [1]  # this one
