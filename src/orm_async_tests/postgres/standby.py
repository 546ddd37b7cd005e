"""A hot standby of a private server: copied by pg_basebackup, fed by streaming replication."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres.clients import client, said
from orm_async_tests.postgres.cluster import Cluster
from orm_async_tests.postgres.private import PrivateServer, leased_cluster

DEADLINE = 30.0  # seconds that a standby may take to do what it was told
BACKUP = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--no-manifest")
# A record of its own: a position at the head of a new page is reached with the next record only.
MARK = "SET LOCAL synchronous_commit = local; SELECT pg_logical_emit_message(true, 'mark', '')"


class Standby(PrivateServer):
    """A server that only reads, and follows its primary over that one's private socket."""

    def __init__(self, cluster: Cluster, primary: PrivateServer) -> None:
        super().__init__(cluster)
        self.primary = primary

    def pause(self) -> None:
        """Stop replay: what the primary commits arrives and is not seen, until resume()."""
        _asked(self, "SELECT pg_wal_replay_pause()")
        _wait_for(self, "pg_get_wal_replay_pause_state() = 'paused'")

    def resume(self) -> None:
        """Let replay go on."""
        _asked(self, "SELECT pg_wal_replay_resume()")

    def catch_up(self) -> None:
        """Wait until it has replayed everything that the primary has written by now."""
        _wait_for(self, f"pg_last_wal_replay_lsn() >= '{_asked(self.primary, MARK)}'")

    def promote(self) -> None:
        """Make it a primary; it accepts writes when this returns."""
        _asked(self, f"SELECT pg_promote(wait_seconds => {DEADLINE:.0f})")
        _wait_for(self, "NOT pg_is_in_recovery()")


@contextmanager
def hot_standby(primary: PrivateServer, **settings: str) -> Iterator[Standby]:
    """A standby of the primary, started with these settings, in a folder beside the primary's.

    recovery_min_apply_delay="1s" is such a setting. Folder and server end with the block, or with
    this process, however it dies. Raises CouldNotRun if there is no pg_basebackup or it fails.
    """
    with leased_cluster(primary.folder.parent) as cluster:
        login = primary.login
        cluster.secret.touch(mode=0o600)
        cluster.secret.write_text(login.password)
        said(client(login, "pg_basebackup", "-D", str(cluster.data), *BACKUP))
        for lock in cluster.data.glob(".s.PGSQL.*.lock"):  # the primary's: it lies with its data
            lock.unlink()
        own = Standby(cluster, primary)
        own.start(**settings)
        try:
            yield own
        finally:
            own.stop()


def _asked(server: PrivateServer, sql: str) -> str:
    """The answer to a statement of one value, as text."""
    return said(client(server.login, "psql", "-XAtq", "-d", "postgres", "-c", sql)).strip()


def _wait_for(server: PrivateServer, condition: str) -> None:
    """Ask until the condition is true. Raises CouldNotRun after the deadline."""
    give_up = time.monotonic() + DEADLINE
    while _asked(server, f"SELECT {condition}") != "t":
        if time.monotonic() > give_up:
            where = str(server.login.socket_directory)
            raise CouldNotRun(f"not so in time: {condition}", where, "the same command again")
