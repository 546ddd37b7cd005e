"""The server refuses folders and files of other users, and changes no file."""

import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orm_async_tests import postgres
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import binaries, paths
from orm_async_tests.postgres.cluster import Cluster

IS_ROOT = os.geteuid() == 0
NOBODY = 65534
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root can act as another user")

Tree = dict[str, tuple[object, ...]]


@pytest.fixture
def commons(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder like /tmp, in which another user tries to make us change one of our files."""
    with tempfile.TemporaryDirectory(prefix="orm-async-", dir="/tmp") as name:
        folder = Path(name)
        (folder / "victim").mkdir(mode=0o700)
        (folder / "victim/file").write_text("precious")
        folder.chmod(0o1777)
        monkeypatch.setattr(tempfile, "tempdir", name)
        monkeypatch.setenv("ORM_ASYNC_HOME", str(folder / "home"))
        yield folder


def as_other(script: str, commons: Path) -> None:
    """Run a shell script in the shared folder, as another user if the tests run as root."""
    user = NOBODY if IS_ROOT else None
    groups: list[int] | None = [] if IS_ROOT else None
    subprocess.run(
        ["/bin/sh", "-euc", script],
        cwd=commons,
        check=True,
        user=user,
        group=user,
        extra_groups=groups,
    )


def snapshot(folder: Path) -> Tree:
    """Map the paths in a folder to the files' type, mode, owner, time and content."""
    tree: Tree = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        target = str(path.readlink()) if path.is_symlink() else ""
        when = status.st_mtime_ns if path != folder else 0
        tree[str(path)] = (oct(status.st_mode), status.st_uid, when, content, target)
    return tree


def assert_refused(commons: Path) -> str:
    """Assert that a lease fails with an error of three parts, and return its first part."""
    before = snapshot(commons)
    with pytest.raises(CouldNotRun) as refusal, postgres.lease():
        pass
    assert len(str(refusal.value).splitlines()) == 3
    assert snapshot(commons) == before
    return refusal.value.problem


def cluster_folder(commons: Path) -> Path:
    """Create the server's folder, and return the path of a cluster in it."""
    home, programs = commons / "home", binaries.find()
    home.mkdir(mode=0o700, exist_ok=True)
    return Cluster(home, programs, programs.version()).folder


HOMES = {
    "a folder": "mkdir -m 700 home",
    "a folder for everybody": "mkdir -m 777 home",
    "a sticky folder": "mkdir -m 1777 home",
    "a file": "touch home",
    "a pipe": "mkfifo home",
    "a link to our folder": "ln -s victim home",
    "a link to our file": "ln -s victim/file home",
    "a dangling link": "ln -s nothing home",
    "a loop of links": "ln -s loop home; ln -s home loop",
}


@needs_root
@pytest.mark.parametrize("script", HOMES.values(), ids=HOMES)
def test_a_home_that_another_user_prepared_is_refused(commons: Path, script: str) -> None:
    as_other(script, commons)
    assert_refused(commons)


@needs_root
@pytest.mark.parametrize("script", ["mkdir -m 755 above", "mkdir -m 777 above", "ln -s . above"])
def test_a_home_below_what_another_user_prepared_is_refused(
    commons: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    as_other(script, commons)
    monkeypatch.setenv("ORM_ASYNC_HOME", str(commons / "above/home"))
    assert_refused(commons)


@pytest.mark.parametrize("mode", [0o1777, 0o777, 0o770, 0o720, 0o702])
def test_a_home_of_ours_that_others_may_write_to_is_refused_and_keeps_its_mode(
    commons: Path, mode: int
) -> None:
    (commons / "home").mkdir()
    (commons / "home").chmod(mode)
    assert "other users may write to the path" in assert_refused(commons)


def test_a_home_below_a_folder_in_which_others_may_exchange_it_is_refused(
    commons: Path,
) -> None:
    (commons / "home").mkdir(mode=0o700)
    commons.chmod(0o777)
    assert "other users may write to a parent folder of the path" in assert_refused(commons)


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o750])
def test_a_home_of_ours_that_others_may_only_read_is_used_and_keeps_its_mode(
    commons: Path, mode: int
) -> None:
    (commons / "home").mkdir()
    (commons / "home").chmod(mode)
    assert paths.home() == commons / "home"
    assert stat.S_IMODE((commons / "home").stat().st_mode) == mode


def test_a_home_behind_links_of_ours_is_used(
    commons: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (commons / "folder").mkdir(mode=0o700)
    (commons / "relative").symlink_to("./folder/../folder")
    (commons / "absolute").symlink_to(commons / "relative")
    monkeypatch.setenv("ORM_ASYNC_HOME", str(commons / "absolute/new/home"))
    assert paths.home() == commons / "absolute/new/home"
    assert stat.S_IMODE((commons / "folder/new/home").stat().st_mode) == 0o700


KINDS = {
    "a link to our file": ("ln -s {commons}/victim/file {path}", False),
    "a link to our folder": ("ln -s {commons}/victim {path}", False),
    "a dangling link": ("ln -s {commons}/nothing {path}", False),
    "a pipe": ("mkfifo {path}", True),
    "a file": ("touch {path}", True),
    "a folder": ("mkdir -m 755 {path}", True),
}
NAMES = ("secret", "lease", "start", "supervisor", "server.log", "data", "unfinished")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_what_another_user_left_in_a_cluster_is_refused(
    commons: Path, name: str, kind: str
) -> None:
    script, is_harmless_if_ours = KINDS[kind]
    if is_harmless_if_ours and not IS_ROOT:
        pytest.skip("only root can act as another user")
    folder = cluster_folder(commons)
    folder.mkdir()
    for path in (commons / "home", folder):
        path.chmod(0o1777)
    as_other(script.format(commons=commons, path=folder / name), commons)
    for path in (commons / "home", folder):
        path.chmod(0o700)

    assert_refused(commons)


@pytest.mark.parametrize("name", ["secret", "lease", "server.log"])
def test_a_second_name_of_our_file_is_refused(commons: Path, name: str) -> None:
    folder = cluster_folder(commons)
    folder.mkdir(mode=0o700)
    (folder / name).hardlink_to(commons / "victim/file")

    assert "hard link" in assert_refused(commons)


@needs_root
@pytest.mark.parametrize("kind", KINDS)
def test_what_another_user_left_in_the_home_is_refused(commons: Path, kind: str) -> None:
    path = cluster_folder(commons)
    (commons / "home").chmod(0o1777)
    script, _ = KINDS[kind]
    as_other(script.format(commons=commons, path=path), commons)
    (commons / "home").chmod(0o700)

    assert_refused(commons)


@needs_root
@pytest.mark.parametrize("kind", KINDS)
def test_any_entry_of_the_home_that_belongs_to_another_user_is_refused(
    commons: Path, kind: str
) -> None:
    home = commons / "home"
    home.mkdir()
    home.chmod(0o1777)
    script, _ = KINDS[kind]
    as_other(script.format(commons=commons, path=home / "environments"), commons)
    home.chmod(0o700)

    assert_refused(commons)


@needs_root
@pytest.mark.parametrize("kind", KINDS)
def test_a_socket_folder_that_another_user_prepared_is_refused(
    commons: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    home = commons / ("long" * 30)
    home.mkdir(mode=0o700)
    monkeypatch.setenv("ORM_ASYNC_HOME", str(home))
    programs = binaries.find()
    cluster = Cluster(home, programs, programs.version())
    cluster.folder.mkdir(mode=0o700)
    sockets = paths.socket_directory(cluster.data)
    sockets.rmdir()
    script, _ = KINDS[kind]
    as_other(script.format(commons=commons, path=sockets), commons)

    assert_refused(commons)


def test_a_socket_folder_of_ours_that_others_may_enter_is_refused(
    commons: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = commons / ("long" * 30)
    paths.socket_directory(data).chmod(0o755)
    with pytest.raises(CouldNotRun, match="other users may read the path"):
        paths.socket_directory(data)


def test_the_files_of_a_server_are_ours_alone(private_home: Path) -> None:
    with postgres.lease() as login:
        (folder,) = private_home.glob("pg*")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        assert modes.pop("data") == 0o700
        assert set(modes.values()) == {0o600}
        assert (folder / "secret").read_text() == login.password
