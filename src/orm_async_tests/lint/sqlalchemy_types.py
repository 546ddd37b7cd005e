"""Lists what the classes and functions of SQLAlchemy, asyncio and FastAPI return."""

# The classes that the rules know, by their last name: sqlalchemy.ext.asyncio, .session and so on.
SESSION, CONNECTION, ENGINE = "AsyncSession", "AsyncConnection", "AsyncEngine"
SCOPED, FACTORY, TRANSACTION = "async_scoped_session", "async_sessionmaker", "AsyncTransaction"
DECLARED = "declared session"  # what the setting `sessions` names; a session in every use
CONNECTING = "connecting"  # engine.connect() before it is awaited or entered
PLAIN_NAMES = {SESSION, CONNECTION, ENGINE, FACTORY}  # names that say enough
CONVERSATIONS = {SESSION, CONNECTION, SCOPED, DECLARED}
CLASSES = {
    SESSION: SESSION,
    SCOPED: SCOPED,
    FACTORY: FACTORY,
    ENGINE: ENGINE,
    CONNECTION: CONNECTION,
    "AsyncTransaction": TRANSACTION,
    "AsyncSessionTransaction": TRANSACTION,
    "AsyncResult": "AsyncResult",
    "Session": "Session",
    "Connection": "Connection",
    "Engine": "Engine",
    "URL": "URL",
    "sessionmaker": "sessionmaker",
    "scoped_session": "scoped_session",
}
OTHER_CLASSES = {  # by their library
    ("fastapi", "BackgroundTasks"),
    ("starlette", "BackgroundTasks"),
    ("asyncio", "Lock"),
    ("asyncio", "TaskGroup"),
    ("anyio", "Lock"),
    ("threading", "Event"),
}
LIBRARIES = ("sqlalchemy", "sqlmodel", "sqlalchemy_utils")

STATEMENTS = {  # coroutines that send SQL; an error in one of them aborts the transaction
    "execute", "scalar", "scalars", "stream", "stream_scalars", "flush", "commit", "get",
    "get_one", "refresh", "merge", "run_sync", "delete", "exec", "exec_driver_sql", "connection",
    "begin_nested",
}  # fmt: skip
UNPROTECTED = "!"  # marks a function that does not roll back after the error of a statement
ENDINGS = {"rollback", "close", "invalidate", "reset", "aclose", "remove", "close_all"}
COROUTINES = {
    SESSION: (STATEMENTS | ENDINGS) - {"begin_nested", "remove", "aclose"},
    CONNECTION: {
        "execute", "scalar", "scalars", "stream_scalars", "run_sync", "exec_driver_sql",
        "commit", "rollback", "close", "invalidate", "aclose", "execution_options",
        "get_raw_connection",
    },
    SCOPED: (STATEMENTS | ENDINGS) - {"begin_nested", "aclose"},
    TRANSACTION: {"commit", "rollback", "close"},
    ENGINE: {"dispose"},
}  # fmt: skip
COROUTINES[DECLARED] = COROUTINES[SESSION]

# What a method returns: the wrapper (see `resolution.Value.kind`), and the class inside it.
METHODS = {
    (ENGINE, "connect"): ("instance", CONNECTING),
    (ENGINE, "begin"): ("enter", CONNECTION),
    (ENGINE, "execution_options"): ("instance", ENGINE),
    (FACTORY, "begin"): ("enter", SESSION),
    (SESSION, "connection"): ("await", CONNECTION),
    (SESSION, "begin"): ("instance", TRANSACTION),
    (SESSION, "begin_nested"): ("instance", TRANSACTION),
    (CONNECTION, "begin"): ("instance", TRANSACTION),
    (CONNECTION, "begin_nested"): ("instance", TRANSACTION),
    (CONNECTION, "execution_options"): ("await", CONNECTION),
    (SESSION, "stream"): ("await", "AsyncResult"),
    (CONNECTION, "stream"): ("await", "AsyncResult"),
}
FUNCTIONS = {
    "create_async_engine": ("instance", ENGINE),
    "async_engine_from_config": ("instance", ENGINE),
    "create_engine": ("instance", "Engine"),
    "make_url": ("instance", "URL"),
}
