"""The embedded PostgreSQL: binaries from a wheel, a lifecycle of our own (POSIX).

Every client holds a shared flock on the `lease` file, which the kernel drops even after kill -9.
The keeper, a detached process, is the server's parent: it stops the server once it could take the
lease exclusively for ORM_ASYNC_IDLE seconds. No TCP, a private socket, SCRAM, a random secret.
"""

from orm_async_tests.server.lease import Server, lease, log_file, psql, reset, status, stop

__all__ = ["Server", "lease", "log_file", "psql", "reset", "status", "stop"]
