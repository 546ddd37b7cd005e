"""Lists drivers, event loops and pooler modes, and the options that choose them.

The module stack_options does not import SQLAlchemy, so that `--help` stays fast.
"""

import os

DRIVERS = ("asyncpg", "psycopg")  # for PostgreSQL; the first one is the default
SQLITE = "aiosqlite"  # the driver for scripts that need no PostgreSQL
DEFAULT_LOOP, UVLOOP = "asyncio", "uvloop"
POOLER_MODES: tuple[str, ...] = ("session", "transaction", "transaction-unprepared")

DATABASE = """
    --db URL  use this database: embedded, compose, or a URL
        (default: the variable DATABASE_URL or ORM_ASYNC_DB, or else embedded)
"""
DRIVER = """
    --driver NAME  connect with asyncpg or psycopg
        (default: the variable ORM_ASYNC_DRIVER, or else asyncpg)
"""
LOOP = """
    --loop asyncio|uvloop  run this event loop (default: asyncio)
"""
STACK = f"""{DATABASE}{DRIVER.replace("psycopg", "psycopg or aiosqlite")}{LOOP}
    --pooler MODE  connect through PgBouncer in this mode: {", ".join(POOLER_MODES)}
"""


def choose_database(db: str | None, option: str = "--db") -> tuple[str, str]:
    """Return the chosen database, and the option or variable that chose it.

    The database is `embedded`, `compose` or a URL. The value `db` of the option overrides
    `DATABASE_URL`, which overrides `ORM_ASYNC_DB`.
    """
    variables = [(os.environ.get(name), name) for name in ("DATABASE_URL", "ORM_ASYNC_DB")]
    candidates = ((db, option), *variables, ("embedded", "default"))
    return next((word, source) for word, source in candidates if word)
