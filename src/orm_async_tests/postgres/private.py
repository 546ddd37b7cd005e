"""A server that one script owns: it may be frozen, killed, or started with other settings."""

import fcntl
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orm_async_tests.postgres import binaries, paths
from orm_async_tests.postgres.cluster import Cluster, Login

IN_ITS_FOLDER = {"dynamic_shared_memory_type": "mmap"}  # posix: it would outlive a killed server


class PrivateServer:
    """A server that nobody else uses, of the embedded server's binaries and settings."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._frozen: list[int] = []

    @property
    def login(self) -> Login:
        """How to reach it."""
        return self._cluster.as_found("private")

    @property
    def folder(self) -> Path:
        """Where its data and its log are."""
        return self._cluster.root

    @property
    def frozen(self) -> bool:
        """Whether a backend is frozen."""
        return bool(self._frozen)

    def freeze(self, pid: int) -> None:
        """Stop a backend: its connection stays open and is never answered, until thaw()."""
        os.kill(pid, signal.SIGSTOP)
        self._frozen.append(pid)

    def thaw(self) -> None:
        """Let the frozen backends go on."""
        while self._frozen:
            os.kill(self._frozen.pop(), signal.SIGCONT)

    def start(self, **settings: str) -> None:
        """Start it, with these settings of postgresql.conf. Raises CouldNotRun if it dies."""
        self._cluster.start(0.0, {**IN_ITS_FOLDER, **settings})

    def stop(self) -> None:
        """Shut it down as an administrator does: sessions are ended, nothing is lost."""
        self.thaw()
        self._cluster.end(signal.SIGINT)

    def kill(self) -> None:
        """Kill it as a power cut does."""
        self.thaw()
        self._cluster.end(signal.SIGKILL)


@contextmanager
def private_server(within: Path | None = None, **settings: str) -> Iterator[PrivateServer]:
    """A server, started with these settings, in a folder of its own; both end with the block.

    The folder is made within that one, else where temporary files are. If this process is killed,
    its supervisor ends the server. Raises CouldNotRun.
    """
    with leased_cluster(within) as cluster:
        cluster.create()
        own = PrivateServer(cluster)
        own.start(**settings)
        try:
            yield own
        finally:
            own.stop()


@contextmanager
def leased_cluster(within: Path | None) -> Iterator[Cluster]:
    """A place for a cluster of its own, whose lease is held until the block ends."""
    found = binaries.find()
    with tempfile.TemporaryDirectory(prefix="orm-async-", dir=within) as folder:
        cluster = Cluster(Path(folder), found, found.version(paths.home()))
        cluster.home.mkdir()
        with (cluster.home / "lease").open("a") as held:
            fcntl.flock(held, fcntl.LOCK_SH)
            yield cluster
