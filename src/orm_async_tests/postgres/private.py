"""A server that one script has to itself, so that it may freeze, kill or reconfigure it."""

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orm_async_tests.postgres import binaries, paths
from orm_async_tests.postgres.cluster import Cluster, Login
from orm_async_tests.postgres.private_files import open_file

# Shared memory of the kind posix would outlive a killed server.
FILES_ONLY = {"dynamic_shared_memory_type": "mmap"}


class PrivateServer:
    """A server that nobody else uses, with the embedded server's binaries and settings."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._frozen: list[int] = []

    @property
    def login(self) -> Login:
        """How to reach the server."""
        return self._cluster.login("private")

    @property
    def folder(self) -> Path:
        """The folder with the server's data and log."""
        return self._cluster.root

    @property
    def frozen(self) -> bool:
        """Whether a backend is frozen."""
        return bool(self._frozen)

    def freeze(self, pid: int) -> None:
        """Stop a backend by SIGSTOP: its connection stays open but never answers, until thaw()."""
        os.kill(pid, signal.SIGSTOP)
        self._frozen.append(pid)

    def thaw(self) -> None:
        """Continue all frozen backends."""
        while self._frozen:
            os.kill(self._frozen.pop(), signal.SIGCONT)

    def start(self, **settings: str) -> None:
        """Start the server with these settings of postgresql.conf. Raises CouldNotRun."""
        self._cluster.start(0.0, {**FILES_ONLY, **settings}, is_private=True)

    def stop(self) -> None:
        """Shut the server down in the mode fast: sessions end, and committed rows are kept."""
        self.thaw()
        self._cluster.end(signal.SIGINT)

    def kill(self) -> None:
        """Kill the server by SIGKILL, as the kernel does when memory runs out.

        This is not a power cut: the operating system still has what the server had written.
        """
        self.thaw()
        self._cluster.end(signal.SIGKILL)


@contextmanager
def private_server(within: Path | None = None, **settings: str) -> Iterator[PrivateServer]:
    """Start a private server with these settings of postgresql.conf, in a temporary folder.

    The folder is created in `within`, or in the usual temporary directory. The server ends and the
    folder is deleted with the block, or when this process dies. Raises CouldNotRun.
    """
    with leased_cluster(within) as cluster:
        cluster.create()
        server = PrivateServer(cluster)
        server.start(**settings)
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def leased_cluster(within: Path | None) -> Iterator[Cluster]:
    """Prepare an empty folder for a private cluster, and hold its lease until the block ends."""
    programs = binaries.find()
    with paths.temporary_folder(within) as folder:
        cluster = Cluster(folder, programs, programs.version(paths.home()))
        cluster.check()
        with open_file(cluster.lease, os.O_RDWR | os.O_CREAT) as lease:
            fcntl.flock(lease, fcntl.LOCK_SH)
            yield cluster
