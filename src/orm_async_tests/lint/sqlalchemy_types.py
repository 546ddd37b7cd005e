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

# What a method returns: the wrapper (see `Value.kind`), and the class inside it.
METHODS = {
    (ENGINE, "connect"): ("instance", CONNECTING),
    (ENGINE, "begin"): ("enter", CONNECTION),
    (ENGINE, "execution_options"): ("instance", ENGINE),
    (FACTORY, "begin"): ("enter", SESSION),
    (SESSION, "connection"): ("await", CONNECTION),
    (CONNECTION, "execution_options"): ("await", CONNECTION),
    ("executor", "submit"): ("instance", "blocking"),
}
for _owner in (SESSION, CONNECTION):
    METHODS[_owner, "stream"] = ("await", "AsyncResult")
    METHODS[_owner, "begin"] = METHODS[_owner, "begin_nested"] = ("instance", TRANSACTION)
FUTURES = {"run_coroutine_threadsafe"}  # functions that return a future of another thread
FUNCTIONS = {
    "create_async_engine": ("instance", ENGINE),
    "async_engine_from_config": ("instance", ENGINE),
    "create_engine": ("instance", "Engine"),
    "make_url": ("instance", "URL"),
}

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
TRANSPARENT = {"Optional", "Annotated", "Mapped", "ClassVar", "Final", "Required", "NotRequired",
               "InitVar", "FromDishka", "Inject", "Provide", "NamedDependency"}  # fmt: skip
TAKING = {"get", "pop", "popleft", "get_nowait", "setdefault"}  # methods that return an item
PROTOCOLS = {"enter": ("__aenter__", "__enter__"), "item": ("__aiter__",), "await": ("__await__",)}
PASSING = {  # functions that return one of their arguments, by its position
    "closing": 0, "shield": 0, "enter_async_context": 0, "wait_for": 0, "NewType": 1, "copy": 0,
    "TypeVar": 1, "list": 0, "tuple": 0, "set": 0, "sorted": 0, "reversed": 0, "iter": 0,
}  # fmt: skip
CALLING = {"partial", "Depends", "Security", "asynccontextmanager", "contextmanager"}
