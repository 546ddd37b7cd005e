"""A hot standby of a private server: copied by pg_basebackup, fed by streaming replication."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres.client_programs import read_output, start_client
from orm_async_tests.postgres.cluster import Cluster
from orm_async_tests.postgres.private import PrivateServer, leased_cluster

DEADLINE = 30.0  # seconds that a standby may take to pause, to replay or to be promoted
BACKUP = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--no-manifest")
# This writes a record: the end of a page is replayed only together with the next record.
MARK = "SET LOCAL synchronous_commit = local; SELECT pg_logical_emit_message(true, 'mark', '')"


class Standby(PrivateServer):
    """A read-only server that follows its primary over the primary's private socket."""

    def __init__(self, cluster: Cluster, primary: PrivateServer) -> None:
        super().__init__(cluster)
        self.primary = primary

    def pause(self) -> None:
        """Pause replay: commits of the primary arrive but stay invisible here, until resume()."""
        _select(self, "SELECT pg_wal_replay_pause()")
        _wait_for(self, "pg_get_wal_replay_pause_state() = 'paused'")

    def resume(self) -> None:
        """Resume replay."""
        _select(self, "SELECT pg_wal_replay_resume()")

    def catch_up(self) -> None:
        """Wait until the standby has replayed everything that the primary has written so far."""
        _wait_for(self, f"pg_last_wal_replay_lsn() >= '{_select(self.primary, MARK)}'")

    def promote(self) -> None:
        """Promote the standby to a primary; it accepts writes when this returns."""
        _select(self, f"SELECT pg_promote(wait_seconds => {DEADLINE:.0f})")
        _wait_for(self, "NOT pg_is_in_recovery()")


@contextmanager
def hot_standby(primary: PrivateServer, **settings: str) -> Iterator[Standby]:
    """Start a standby of the primary with these settings, in a folder beside the primary's.

    An example of a setting is recovery_min_apply_delay="1s". The server ends and the folder is
    deleted with the block, or when this process dies. Raises CouldNotRun if pg_basebackup is
    missing or fails.
    """
    with leased_cluster(primary.folder.parent) as cluster:
        login = primary.login
        cluster.write_secret(login.password)
        read_output(start_client(login, "pg_basebackup", "-D", str(cluster.data), *BACKUP))
        for lock in cluster.data.glob(".s.PGSQL.*.lock"):  # copied: the primary's lies in its data
            lock.unlink()
        standby = Standby(cluster, primary)
        standby.start(**settings)
        try:
            yield standby
        finally:
            standby.stop()


def _select(server: PrivateServer, sql: str) -> str:
    """Run a statement and return the one value of its result, as text."""
    arguments = ["-XAtq", "-d", "postgres", "-c", sql]
    return read_output(start_client(server.login, "psql", *arguments)).strip()


def _wait_for(server: PrivateServer, condition: str) -> None:
    """Wait until the SQL condition is true. Raises CouldNotRun after the deadline."""
    give_up = time.monotonic() + DEADLINE
    while _select(server, f"SELECT {condition}") != "t":
        if time.monotonic() > give_up:
            where = str(server.login.socket_directory)
            raise CouldNotRun(
                f"this did not become true within {DEADLINE:.0f} s: {condition}",
                where,
                "the same command again",
            )
