"""Defines the known defects that more than one script shows."""

from orm_async_tests.harness.definitions.upstream import Upstream

CANCEL_IS_LOGGED = Upstream(
    "after a task is cancelled, the pool logs an error, although nothing went wrong",
    {
        "sqlalchemy": ">=2.0.24,<2.0.33 or >=2.0.42,<2.0.58 or >=2.1,<2.1.9",
        "asyncpg": ">=0.30,<0.33",
    },
    "https://github.com/sqlalchemy/sqlalchemy/issues/13772",
    "wrong error",
)
DEAD_IN_THE_POOL = Upstream(
    "if a task is cancelled twice, the pool gives the task's closed connection to the next task",
    {"sqlalchemy": ">=2.0.44,<2.0.55 or >=2.1,<2.1.5", "asyncpg": ">=0.30,<0.33"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/13673",
    "breaks the pool",
)
CLOSE_HANGS = Upstream(
    "asyncpg's close() ignores its timeout while a cancel request waits for its answer",
    {"sqlalchemy": ">=2.0.38,<2.2", "asyncpg": ">=0.30,<0.32"},
    "https://github.com/MagicStack/asyncpg/issues/1356",
    "breaks the pool",
)
LEFT_OPEN = Upstream(
    "cancelling a task twice interrupts close(), so a connection stays open outside the pool",
    {"sqlalchemy": ">=2.0.24,<2.0.38", "asyncpg": ">=0.30,<0.32"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/12077",
    "breaks the pool",
)
