"""The embedded PostgreSQL server, whose programs come from a wheel and which this project starts
and stops.

Every command that uses the server holds a shared flock on the file `lease`. The kernel drops the
flock on `lease` even after SIGKILL. The parent of the server is the supervisor, a detached process.
The supervisor stops the server if nobody has held a lease or an open connection for ORM_ASYNC_IDLE
seconds. The embedded server never listens on TCP. The embedded server listens on a Unix-domain
socket in a private folder, and requires a random password with SCRAM. POSIX only.
"""

from orm_async_tests.postgres.cluster import SCRIPTS, SERVICE, ClusterKind, Login
from orm_async_tests.postgres.lease import (
    describe_stop,
    find_psql,
    lease,
    locate_log,
    require_descriptors,
    status,
    stop,
    wait_until_ended,
)
from orm_async_tests.postgres.pooler import Pooler, pgbouncer
from orm_async_tests.postgres.private import (
    PrivateServer,
    Standby,
    hot_standby,
    private_server,
    read_output,
    start_client,
)

__all__ = [
    "SCRIPTS",
    "SERVICE",
    "ClusterKind",
    "Login",
    "Pooler",
    "PrivateServer",
    "Standby",
    "describe_stop",
    "find_psql",
    "hot_standby",
    "lease",
    "locate_log",
    "pgbouncer",
    "private_server",
    "read_output",
    "require_descriptors",
    "start_client",
    "status",
    "stop",
    "wait_until_ended",
]
