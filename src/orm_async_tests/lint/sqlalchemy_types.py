"""Lists the classes and functions of SQLAlchemy, asyncio and FastAPI that the checker knows."""

# The classes that the rules know, by their last name: sqlalchemy.ext.asyncio, .session and so on.
SESSION, CONNECTION, ENGINE = "AsyncSession", "AsyncConnection", "AsyncEngine"
SCOPED, FACTORY, TRANSACTION = "async_scoped_session", "async_sessionmaker", "AsyncTransaction"
DECLARED = "declared session"  # a name in the setting `sessions`: always a session
CONNECTING = "connecting"  # engine.connect() before it is awaited or entered
PLAIN_NAMES = {SESSION, CONNECTION, ENGINE, FACTORY}  # classes that the name alone identifies
CONVERSATIONS = {SESSION, CONNECTION, SCOPED, DECLARED}
CLASSES = {
    name: name
    for name in (
        SESSION, SCOPED, FACTORY, ENGINE, CONNECTION, "AsyncResult", "Session", "Connection",
        "Engine", "URL", "sessionmaker", "scoped_session",
    )
} | {"AsyncTransaction": TRANSACTION, "AsyncSessionTransaction": TRANSACTION}  # fmt: skip
OTHER_CLASSES = {
    tuple(name.split(".")): cls
    for cls, names in {
        "BackgroundTasks": "fastapi.BackgroundTasks starlette.BackgroundTasks",
        "Lock": "asyncio.Lock anyio.Lock",
        "TaskGroup": "asyncio.TaskGroup",
        "Application": "aiohttp.Application",
        "State": "starlette.State fastapi.State",
        "exit stack": "contextlib.AsyncExitStack",
        "blocking": "threading.Event threading.Lock threading.Thread threading.Condition "
        "threading.Semaphore threading.Barrier queue.Queue queue.SimpleQueue "
        "multiprocessing.Queue subprocess.Popen",
        "executor": "concurrent.ThreadPoolExecutor concurrent.ProcessPoolExecutor",
        "HTTP client": "httpx.Client requests.Session",
    }.items()
    for name in names.split()
}
LIBRARIES = ("sqlalchemy", "sqlmodel", "sqlalchemy_utils")

STATEMENTS = {  # coroutines that send SQL; an error in one of them aborts the transaction
    "execute", "scalar", "scalars", "stream", "stream_scalars", "flush", "commit", "get",
    "get_one", "refresh", "merge", "run_sync", "delete", "exec", "exec_driver_sql", "connection",
    "begin_nested",
}  # fmt: skip
BEGINNING = STATEMENTS - {"get", "get_one", "commit", "delete"}
STATE_TESTS = {"in_transaction", "in_nested_transaction", "is_active", "get_transaction"}
TIMEOUTS = {"timeout", "timeout_at", "fail_after", "move_on_after"}  # of asyncio and AnyIO
CANCELLED = ("cancelled_caught", "cancel_called")  # the attributes of a timeout that has ended
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
COROUTINES[CONNECTING] = COROUTINES[CONNECTION] - {"execution_options"}

FUNCTIONS = {  # functions of SQLAlchemy, and the classes of their results
    "create_async_engine": ENGINE, "async_engine_from_config": ENGINE, "create_engine": "Engine",
    "make_url": "URL",
}  # fmt: skip

# What annotations and the functions of other libraries give.
GENERIC = {
    "item": {
        "AsyncGenerator", "AsyncIterator", "AsyncIterable", "Generator", "Iterator", "Iterable",
        "list", "List", "tuple", "Tuple", "Sequence", "set", "Set", "dict", "Dict", "Mapping",
        "ContextVar", "Queue",
    },
    "enter": {
        "AbstractAsyncContextManager", "AsyncContextManager", "AbstractContextManager",
        "ContextManager", "_AsyncGeneratorContextManager",
    },
    "await": {"Awaitable", "Coroutine", "Task", "Future"},
    "call": {"Callable"},
    "context": {"Info"},  # Strawberry passes Info[Context, Root] to resolvers
}  # fmt: skip
LAST_PART = {"Callable", "Coroutine", "dict", "Dict", "Mapping"}
TRANSPARENT = {
    "Optional", "Annotated", "Mapped", "ClassVar", "Final", "Required", "NotRequired",
    "InitVar", "FromDishka", "Inject", "Provide", "NamedDependency",
}  # fmt: skip
TAKING = {"get", "pop", "popleft", "get_nowait", "setdefault"}  # methods that return an item
PROTOCOLS = {"enter": ("__aenter__", "__enter__"), "item": ("__aiter__",), "await": ("__await__",)}
PASSING = {  # functions that return their first argument
    "closing", "aclosing", "shield", "enter_async_context", "wait_for", "copy", "list", "tuple",
    "set", "sorted", "reversed", "iter",
}  # fmt: skip
