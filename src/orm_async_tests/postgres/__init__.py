"""The embedded PostgreSQL: binaries from a wheel, and a lifecycle that belongs to this project.

Every client holds a shared flock on the file `lease`, which the kernel drops even after SIGKILL.
The supervisor, a detached process, is the server's parent. The supervisor stops the server when
nobody has held a lease or a connection for ORM_ASYNC_IDLE seconds. The server listens on a
Unix-domain socket in a private folder, never on TCP, and wants a random password by SCRAM. POSIX
only.
"""

from orm_async_tests.postgres.cluster import SCRIPTS, SERVICE, ClusterKind, Login
from orm_async_tests.postgres.lease import (
    describe_stop,
    find_psql,
    lease,
    locate_log,
    require_descriptors,
    reset,
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
    "reset",
    "start_client",
    "status",
    "stop",
    "wait_until_ended",
]
