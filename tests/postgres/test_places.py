"""Where the embedded server lives, and who may come near it."""

import asyncio
import os
import stat
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from orm_async_tests import db, postgres
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import paths
from tests.postgres.conftest import CLIENT

OTHER = 65533


async def _one(database: db.Database) -> int:
    async with db.connect(database, "tests") as connection:
        return int((await connection.exec_driver_sql("SELECT 1")).scalar_one())


def serves(home: Path, monkeypatch: pytest.MonkeyPatch) -> postgres.Login:
    """Start a server at home, ask it something, and stop it."""
    monkeypatch.setenv("ORM_ASYNC_HOME", str(home))
    with postgres.lease() as leased, db.open_database("embedded") as database:
        assert asyncio.run(_one(database)) == 1
        assert_private(leased.socket_directory)
    postgres.stop()
    return leased


def assert_private(folder: Path) -> None:
    """Nobody but us can enter the folder or use the socket in it."""
    for path in (folder, folder / ".s.PGSQL.5432"):
        found = path.stat()
        assert found.st_uid == os.geteuid()
        assert stat.S_IMODE(found.st_mode) == 0o700


def test_a_path_with_spaces_and_quotes_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serves(tmp_path / 'it\'s a "home"', monkeypatch)


def test_a_path_too_long_for_a_socket_serves_from_a_private_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leased = serves(tmp_path / ("long" * 30), monkeypatch)

    assert leased.socket_directory.parent == Path(tempfile.gettempdir())


def test_a_private_folder_that_others_may_enter_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    data = tmp_path / ("long" * 30)
    paths.socket_directory(data).chmod(0o755)

    with pytest.raises(CouldNotRun):
        paths.socket_directory(data)


def test_a_named_home_that_cannot_be_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ORM_ASYNC_HOME", str(tmp_path / "file/home"))

    with pytest.raises(CouldNotRun), postgres.lease():
        pass


def test_a_usual_home_that_cannot_be_made_is_replaced_by_a_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.delenv("ORM_ASYNC_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    assert paths.home().parent == tmp_path
    assert str(tmp_path) in capsys.readouterr().err


def test_a_wrong_password_is_refused(own_home: Path) -> None:
    with db.open_database("embedded") as database:
        wrong = replace(database, url=database.url.set(password="wrong"))
        with pytest.raises(CouldNotRun) as refused:
            asyncio.run(_one(wrong))
    postgres.stop()

    assert getattr(refused.value.__cause__, "sqlstate", None) == "28P01" or (
        getattr(getattr(refused.value.__cause__, "orig", None), "sqlstate", None) == "28P01"
    )


def test_another_user_of_the_machine_cannot_connect(own_home: Path) -> None:
    with postgres.lease() as leased:
        assert_private(leased.socket_directory)
        if os.geteuid() == 0:  # nobody else can try it as somebody else
            path = str(leased.socket_directory / ".s.PGSQL.5432")
            as_other = ["setpriv", f"--reuid={OTHER}", "--clear-groups", "ls", path]
            assert subprocess.run(as_other, capture_output=True).returncode != 0
    postgres.stop()


def test_root_without_user_namespaces_is_told_what_to_do(own_home: Path) -> None:
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    as_root = ["unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh"]
    client = subprocess.run(
        [*as_root, sys.executable, "-c", CLIENT], capture_output=True, text=True
    )

    assert client.returncode == 1
    assert [line.split(":")[0].strip() for line in client.stderr.splitlines()][1:] == [
        "where",
        "type",
    ]
