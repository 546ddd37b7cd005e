"""Library defects that several scripts meet. A defect of a single script is in that script."""

from orm_async_tests.harness.definitions.upstream import Upstream

CANCEL_IS_LOGGED = Upstream(
    "the pool logs an error for a cancelled task, although it closed the connection correctly",
    {
        "sqlalchemy": ">=2.0.24,<2.0.33 or >=2.0.42,<2.0.58 or >=2.1,<2.1.9",
        "asyncpg": ">=0.30,<0.33",
    },
    "https://github.com/sqlalchemy/sqlalchemy/issues/13772",
    "wrong error",
)
DEAD_IN_THE_POOL = Upstream(
    "after a second cancel the closed connection stays in the pool, and the next user gets it",
    {"sqlalchemy": ">=2.0.44,<2.0.55 or >=2.1,<2.1.5", "asyncpg": ">=0.30,<0.33"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/13673",
    "breaks the pool",
)
CLOSE_HANGS = Upstream(
    "close() waits without limit for the answer to a cancel request, despite its timeout",
    {"sqlalchemy": ">=2.0.38,<2.2", "asyncpg": ">=0.30,<0.32"},
    "https://github.com/MagicStack/asyncpg/issues/1356",
    "breaks the pool",
)
LEFT_OPEN = Upstream(
    "a second cancel interrupts close(): the connection stays open, but the pool forgets it",
    {"sqlalchemy": ">=2.0.24,<2.0.38", "asyncpg": ">=0.30,<0.32"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/12077",
    "breaks the pool",
)
