"""Starts and stops the embedded PostgreSQL server.

Every command that uses the embedded server holds a shared flock on the file `lease`. When a command
ends, even by SIGKILL, the kernel releases the flock. The server's parent process, the supervisor,
runs detached from the commands. The supervisor stops the server when nobody has used it for
ORM_ASYNC_IDLE seconds.

The embedded server does not listen on TCP, but only on a Unix-domain socket in a private folder.
Clients log in with a random password and SCRAM. The embedded server runs only on POSIX systems.
"""

from orm_async_tests.postgres.binaries import find_program as find_program
from orm_async_tests.postgres.cluster import SCRIPTS as SCRIPTS
from orm_async_tests.postgres.cluster import SERVICE as SERVICE
from orm_async_tests.postgres.cluster import ClusterKind as ClusterKind
from orm_async_tests.postgres.cluster import Login as Login
from orm_async_tests.postgres.lease import describe_stop as describe_stop
from orm_async_tests.postgres.lease import lease as lease
from orm_async_tests.postgres.lease import require_descriptors as require_descriptors
from orm_async_tests.postgres.lease import status as status
from orm_async_tests.postgres.lease import stop as stop
from orm_async_tests.postgres.lease import wait_until_ended as wait_until_ended
from orm_async_tests.postgres.pooler import Pooler as Pooler
from orm_async_tests.postgres.pooler import pgbouncer as pgbouncer
from orm_async_tests.postgres.private import PrivateServer as PrivateServer
from orm_async_tests.postgres.private import Standby as Standby
from orm_async_tests.postgres.private import hot_standby as hot_standby
from orm_async_tests.postgres.private import private_server as private_server
from orm_async_tests.postgres.private import read_output as read_output
from orm_async_tests.postgres.private import start_client as start_client
