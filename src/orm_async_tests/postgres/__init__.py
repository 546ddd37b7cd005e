"""The embedded PostgreSQL server. The project starts and stops the server, whose programs come from
a Python package.

Every command that uses the embedded server holds a shared flock on the file `lease`. If SIGKILL
ends a command, the kernel releases the command's flock on `lease`. The server's parent process is
the supervisor. The supervisor runs detached from the commands. The supervisor stops the server when
nobody has used it for ORM_ASYNC_IDLE seconds. A command and an open connection both count as use of
the embedded server. The embedded server never listens on TCP. The embedded server listens on a
Unix-domain socket in a private folder, and requires a random password with SCRAM. POSIX only.
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
