"""The embedded server's folder may have any usual name, and other users cannot connect."""

import asyncio
import os
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from orm_async_tests import db, postgres
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import binaries, paths
from orm_async_tests.postgres.cluster import Cluster
from orm_async_tests.stack_options import DRIVERS
from tests.postgres.conftest import CLIENT
from tests.processes import pids_of, until

OTHER = 65533
TMPFS = 'mount -t tmpfs -o mode=700,size="$1" tmpfs "$2" && {}; shift 2; exec "$@"'
FILL = 'dd if=/dev/zero of="$2/filler" bs=4096 2> /dev/null; test -s "$2/filler"'


async def _select_one(database: db.Database) -> int:
    async with db.connect(database, "tests") as connection:
        return int((await connection.exec_driver_sql("SELECT 1")).scalar_one())


def serve(home: Path, monkeypatch: pytest.MonkeyPatch) -> postgres.Login:
    """Start a server in this folder, run a query, stop the server, and return its connection."""
    monkeypatch.setenv("ORM_ASYNC_HOME", str(home))
    with postgres.lease() as login:
        for driver in DRIVERS:
            with db.open_database("embedded", driver) as database:
                assert asyncio.run(_select_one(database)) == 1
        assert_private(login.socket_directory)
    postgres.stop()
    return login


def assert_private(folder: Path) -> None:
    """Assert that no other user can enter the folder or use its socket."""
    for path in (folder, folder / ".s.PGSQL.5432"):
        status = path.stat()
        assert status.st_uid == os.geteuid()
        assert stat.S_IMODE(status.st_mode) == 0o700


@pytest.mark.parametrize(
    "name",
    ['it\'s a "home"', "long" * 30, pytest.param("a,b", marks=pytest.mark.thorough)],
)
def test_a_home_of_any_name_serves_both_drivers(
    shared_home: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    home = shutil.copytree(shared_home, tmp_path_factory.mktemp("h") / name)

    sockets = serve(home, monkeypatch).socket_directory

    is_in_home = home in sockets.parents
    assert is_in_home == (name not in ("a,b", "long" * 30))
    assert is_in_home or sockets.parent == Path(tempfile.gettempdir())
    assert sockets.exists() == is_in_home  # a folder of the socket alone goes with the server


def test_a_socket_folder_in_the_temporary_directory_goes_with_an_idle_server(
    shared_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = shutil.copytree(shared_home, tmp_path / "a,b")
    monkeypatch.setenv("ORM_ASYNC_HOME", str(home))
    monkeypatch.setenv("ORM_ASYNC_IDLE", "0")
    with postgres.lease() as login:
        assert login.socket_directory.exists()
    until(lambda: not pids_of(home))
    assert not login.socket_directory.exists()


def test_a_command_with_another_tmpdir_finds_the_socket_of_the_running_server(
    shared_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = shutil.copytree(shared_home, tmp_path / "a,b")
    monkeypatch.setenv("ORM_ASYNC_HOME", str(home))
    with postgres.lease() as first:
        monkeypatch.setattr(tempfile, "tempdir", "/dev/shm")
        with postgres.lease() as second:
            assert (second.launch, second.socket_directory) == ("warm", first.socket_directory)
    assert postgres.stop()
    assert not first.socket_directory.exists()


@pytest.mark.parametrize("lines", ["", "1\n/d\n2\n5432\n", "1\n/d\n2\n5432\n\n\n"])
def test_the_socket_of_a_starting_server_is_where_a_new_server_has_it(
    tmp_path: Path, lines: str
) -> None:
    cluster = Cluster(tmp_path, binaries.find(), "18.4")
    cluster.data.mkdir(parents=True)
    (cluster.data / "postmaster.pid").write_text(lines)
    assert cluster.sockets() == paths.socket_directory(cluster.data, create=False)


def test_a_temporary_directory_with_a_comma_is_not_used_for_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "a,b"))
    sockets = paths.socket_directory(tmp_path / ("long" * 30), create=False)
    assert sockets.parent == Path("/tmp")


@pytest.mark.parametrize("name", [b"\xff", b"a\nb", b"a\x1bb"])
def test_a_name_that_postgresql_cannot_print_is_refused_in_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: bytes
) -> None:
    monkeypatch.setenv("ORM_ASYNC_HOME", os.fsdecode(os.fsencode(tmp_path) + b"/" + name))

    with pytest.raises(CouldNotRun) as refusal:
        paths.home()

    assert len(str(refusal.value).splitlines()) == 3
    assert str(refusal.value).encode().isascii()
    assert list(tmp_path.iterdir()) == []


def test_a_home_below_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ORM_ASYNC_HOME", str(tmp_path / "file/home"))

    with pytest.raises(CouldNotRun), postgres.lease():
        pass


def test_a_usual_home_that_cannot_be_created_is_replaced_by_a_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.delenv("ORM_ASYNC_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    assert paths.home().parent == tmp_path
    assert str(tmp_path) in capsys.readouterr().err


def test_a_wrong_password_is_refused(private_home: Path) -> None:
    with db.open_database("embedded") as database:
        wrong = replace(database, url=database.url.set(password="wrong"))
        with pytest.raises(CouldNotRun) as refusal:
            asyncio.run(_select_one(wrong))

    cause = refusal.value.__cause__
    assert getattr(getattr(cause, "orig", cause), "sqlstate", None) == "28P01"


def test_another_user_of_the_machine_cannot_connect(private_home: Path) -> None:
    with postgres.lease() as login:
        assert_private(login.socket_directory)
        if os.geteuid() == 0:  # only root can become another user
            path = str(login.socket_directory / ".s.PGSQL.5432")
            as_other = ["setpriv", f"--reuid={OTHER}", "--clear-groups", "ls", path]
            assert subprocess.run(as_other, capture_output=True).returncode != 0


def run_client(*wrapper: str) -> list[str]:
    """Run a client that the server must refuse, and return the lines of its message."""
    client = subprocess.run(
        [*wrapper, sys.executable, "-c", CLIENT], capture_output=True, text=True
    )
    assert client.returncode == 1
    assert client.stdout == ""
    lines = client.stderr.splitlines()
    assert [line.split(":")[0].strip() for line in lines][-2:] == ["where", "fix"]
    assert "Traceback" not in client.stderr
    return lines


def test_root_without_user_namespaces_learns_what_to_do(empty_home: Path) -> None:
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    message = run_client("unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh")
    assert len(message) == 3
    assert "PostgreSQL does not run as root" in message[0]


@pytest.mark.parametrize("size", ["64k", pytest.param("24m", marks=pytest.mark.thorough)])
def test_a_full_disk_is_an_error_with_what_to_do(empty_home: Path, size: str) -> None:
    empty_home.mkdir(mode=0o700)
    script = TMPFS.format(FILL if size == "64k" else "true")
    as_root = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
    message = run_client(*as_root, size, str(empty_home))
    assert "no space left on device" in "".join(message).lower()


def test_too_few_descriptors_are_refused_before_anything_is_opened() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (12, limits[1]))
    try:
        with pytest.raises(CouldNotRun) as of_a_lease, postgres.lease():
            pass
        url = "postgresql://h/d"
        with pytest.raises(CouldNotRun) as of_a_url, db.open_database(url):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert "12 files" in of_a_lease.value.problem
    assert "12 files" in of_a_url.value.problem
