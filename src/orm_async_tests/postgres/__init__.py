"""The embedded PostgreSQL: binaries from a wheel, a lifecycle of our own (POSIX).

Every client holds a shared flock on the `lease` file, which the kernel drops even after kill -9.
The supervisor, a detached process, is the server's parent: it stops the server once it could take
the lease exclusively for ORM_ASYNC_IDLE seconds. No TCP, a private socket, SCRAM, a random secret.
"""

from orm_async_tests.postgres.clients import client, said
from orm_async_tests.postgres.cluster import SCRIPTS, SERVICE, Login, Purpose
from orm_async_tests.postgres.lease import lease, log_file, psql, reset, status, stop
from orm_async_tests.postgres.pooler import Pooler, pgbouncer
from orm_async_tests.postgres.private import PrivateServer, private_server
from orm_async_tests.postgres.standby import Standby, hot_standby

__all__ = [
    "SCRIPTS",
    "SERVICE",
    "Login",
    "Pooler",
    "PrivateServer",
    "Purpose",
    "Standby",
    "client",
    "hot_standby",
    "lease",
    "log_file",
    "pgbouncer",
    "private_server",
    "psql",
    "reset",
    "said",
    "status",
    "stop",
]
