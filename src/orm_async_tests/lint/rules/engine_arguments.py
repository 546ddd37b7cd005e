"""The rules OAT401 to OAT403: arguments of engines and scoped sessions."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.folding import NOT_CONSTANT, REST, Folding
from orm_async_tests.lint.rules.rule import Rule, argument, insertion, named_arguments
from orm_async_tests.lint.scopes import Scope, last_name, later, walk
from orm_async_tests.lint.source_file import SourceFile

DRIVER_CACHE, DIALECT_CACHE = "statement_cache_size", "prepared_statement_cache_size"
BINDING = {"partial", "Singleton", "ThreadSafeSingleton", "Factory", "Resource"}
UNKNOWN = "?"  # stands for a value, or for a name of an option, that is not constant


def describe_engines(file: SourceFile) -> Iterator[tuple[ast.Call, str]]:
    """Yield the calls that create engines, each with a description of the engine, for example:

    async postgresql+asyncpg://host/db poolclass=NullPool pool_size=5 connect_args.timeout=3
    """
    folding = Folding(file.project)
    if "ngine" not in file.text:
        return
    names = {name for original, names in file.aliases.items() if "engine" in original
             for name in names}  # fmt: skip
    for name, calls in file.module.calls.items():
        for call, scope in calls:
            if name in BINDING and call.args:  # for example partial(create_engine, url)
                call = later(call, call.args[0], call.args[1:], call.keywords)
                name = last_name(call.func)
            words = {keyword.arg for keyword in call.keywords}
            words |= {"url"} if "engine" in name.lower() or name in names else set()
            if not words & {"connect_args", "poolclass", "pool_size", "url"}:
                continue
            value = file.value(call, scope)
            if value and value.is_a(sa.ENGINE, "Engine") and "option" not in name:
                place, call = call, file.use.normal(call, scope)
                kind = "async" if value.is_a(sa.ENGINE) else "sync"
                kind += "" if file.external_name(call.func, scope) else " function"
                urls = [folding.fold(node, scope) for node in argument(call, 0, "url")]
                urls = [url.get("sqlalchemy.url") if isinstance(url, dict) else url
                        for url in urls]  # fmt: skip
                is_known = not _is_for_sqlite(file, place)
                url = next((url for url in urls if isinstance(url, str) and is_known), UNKNOWN)
                options = folding.fold(ast.Call(ast.Name("dict"), [], call.keywords), scope)
                yield place, " ".join([kind, url, *_describe_options(file, options, scope), ""])


def _is_for_sqlite(file: SourceFile, call: ast.Call) -> bool:
    """Return whether a call is in a branch such as `if "sqlite" in url:`."""
    tests = [ast.unparse(node.test) for inner, node in pairwise([call, *file.ancestors(call)])
             if isinstance(node, ast.If) and inner in node.body]  # fmt: skip
    return any("sqlite" in test and "not " not in test for test in tests)


def _describe_options(
    file: SourceFile, options: object, scope: Scope, prefix: str = ""
) -> Iterator[str]:
    items = options.items() if isinstance(options, dict) else ()
    for name, value in sorted(items, key=lambda item: item[0] != "poolclass"):
        if name == REST:
            yield f"{prefix}{UNKNOWN}"
        elif isinstance(value, dict):
            yield from _describe_options(file, value, scope, f"{prefix}{name}.")
        elif isinstance(value, ast.Name | ast.Attribute):
            yield f"{prefix}{name}={file.external_name(value, scope).rpartition('.')[2]}"
        else:
            is_unknown = value is NOT_CONSTANT or isinstance(value, ast.AST)
            yield f"{prefix}{name}={UNKNOWN if is_unknown else value}"


class HalfDisabledCache(Rule):
    """An engine for asyncpg turns off only one of its two caches of prepared statements.

    The rule OAT401 ignores an engine with a prepared_statement_name_func, because this function
    usually makes the names of prepared statements unique.

    The rule OAT401 ignores engines for psycopg, because psycopg has neither `statement_cache_size`
    nor `prepared_statement_cache_size`.
    """

    code = "OAT401"
    scripts = (105,)
    message = (
        "asyncpg and SQLAlchemy each keep a cache of prepared statements. This engine turns off "
        "only one cache, because it sets {1} to 0, but not {0}."
    )
    remedy = 'Add "{}": 0 to connect_args, or leave both caches on.'

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for call, text in describe_engines(file):
            off = [name for name in (DRIVER_CACHE, DIALECT_CACHE)
                   if re.search(rf"[?&.]{name}=(0|False)(?![\d.])", text)]  # fmt: skip
            is_named = re.search(r" connect_args\.(prepared_statement_name_func|\?)", text)
            is_async = re.match(r"async (?:function )?(?!\w+\+(?!asyncpg)\w)", text)
            if not is_async or len(off) != 1 or is_named:
                continue
            missing = DIALECT_CACHE if off == [DRIVER_CACHE] else DRIVER_CACHE
            # A part of the URL or a value that is not known may switch the other cache off.
            is_hidden = re.match(r"async( function)? \? ", text) and missing == DIALECT_CACHE
            is_hidden = is_hidden and f"{missing}=" in file.text and f".{missing}=" not in text
            if is_hidden or re.search(rf"\.{missing}=(?!\d)", text):
                continue
            dicts = [keyword.value for keyword in call.keywords if keyword.arg == "connect_args"]
            keys = [key for item in dicts if isinstance(item, ast.Dict) for key in item.keys]
            names = {getattr(key, "value", "**") for key in keys}
            # The option's own key, or `**`, would override the new item.
            first = keys[0] if keys and names.isdisjoint({missing, "**"}) else None
            fix = insertion(file, first, f'"{missing}": 0, ') if first else None
            yield self.report(file, call, missing, *off, fix=fix)


POOL_ARGUMENTS = r"(pool_size|max_overflow|pool_timeout|pool_use_lifo)"
NOT_KNOWN = "create_engine() does not know {} and raises a TypeError."
AS_NUMBER = 'Pass it as a number: connect_args={{"{}": ...}}.'
AS_TEXT = "asyncpg receives {} from the URL as text and raises a TypeError."
ASYNC_DRIVER = "Write an asynchronous driver into the URL, for example postgresql+asyncpg."
NO_DRIVER = (
    "The URL names no driver. SQLAlchemy 2.1 then uses psycopg, which this project does not "
    "install, and SQLAlchemy 2.0 uses psycopg2, which create_async_engine() refuses."
)
# The pattern of a wrong description, the message and the remedy. The braces stand for its groups.
PROBLEMS = (
    (rf" poolclass=(NullPool|StaticPool|AssertionPool) (?:.* )?{POOL_ARGUMENTS}=",
     "{} has no size, so the engine refuses {} with a TypeError.",
     "Drop {1}, or drop poolclass={0}."),
    (r"^async.* poolclass=QueuePool ",
     "An async engine refuses QueuePool, because QueuePool blocks the event loop.",
     "Drop poolclass, or write AsyncAdaptedQueuePool."),
    (r" ((?:prepared_)?statement_cache_size|command_timeout|server_settings)=",
     NOT_KNOWN,
     'Pass it to the driver: connect_args={{"{}": ...}}.'),
    (r" (sslmode)=",
     NOT_KNOWN,
     'Pass it to the driver: connect_args={{"{}": ...}}. For asyncpg, write "ssl".'),
    (r"^async .* server_side_cursors=True ",
     "An async engine refuses server_side_cursors.",
     "Drop server_side_cursors, and call stream() where you need a cursor on the server."),
    (r"\+asyncpg\S* (?:.* )?connect_args\.sslmode=|^\w+ \S+\+asyncpg\S*[?&]sslmode=",
     "asyncpg raises a TypeError, because sslmode is an option of libpq.",
     "Write ssl=... in place of sslmode=..."),
    (r"\+asyncpg\S* (?:.* )?connect_args\.(check_same_thread|connect_timeout|options"
     r"|application_name|charset|keepalives\w*)=",
     "asyncpg does not know {} and raises a TypeError.",
     "Remove {}, or pass a setting of the server in server_settings."),
    (r"^sync \S+\+(?:asyncpg|aiosqlite|aiomysql|asyncmy)\b",
     "create_engine() accepts an async driver, but connecting raises MissingGreenlet.",
     "Call create_async_engine(), or choose a synchronous driver."),
    (r"^async (?:\w+\+(?:psycopg2|pymysql|mysqldb|pysqlite|pg8000)\b|sqlite:)",
     "create_async_engine() refuses a synchronous driver.",
     ASYNC_DRIVER),
    (r"^\w+ \S+\+asyncpg\S*[?&]"
     r"(statement_cache_size|max_cached_statement_lifetime|max_cacheable_statement_size|timeout)=",
     AS_TEXT,
     AS_NUMBER),
)  # fmt: skip


class EngineArguments(Rule):
    """The arguments of an engine contradict its URL, its class or each other.

    Before SQLAlchemy 2.0.28, an async engine accepts QueuePool. A task that waits for a connection
    from this pool blocks the event loop.

    The rule OAT402 does not check arguments that the program computes at run time.
    """

    code = "OAT402"
    scripts = (152,)

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for call, text in describe_engines(file):
            for pattern, message, remedy in PROBLEMS:
                for match in re.finditer(pattern, text):
                    words = match.groups()
                    yield self.report(file, call, *words, message=message, remedy=remedy)
            drivers = file.facts.drivers
            if drivers and "psycopg" not in drivers and text.startswith("async postgresql:"):
                yield self.report(file, call, message=NO_DRIVER, remedy=ASYNC_DRIVER)


class ScopedByThread(Rule):
    """All tasks of an event loop share a session that is scoped to the thread.

    In synchronous code, scoped_session() is correct, because every thread gets its own session.
    """

    code = "OAT403"
    scripts = (134,)
    message = "All tasks run in one thread, so they share this session."
    remedy = "Write async_scoped_session(factory, scopefunc=asyncio.current_task)."

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for call, scope in file.calls("scoped_session", "async_scoped_session"):
            value = file.value(call, scope)
            named = named_arguments(file, call, scope)
            scopes = [*call.args[1:2], *([named["scopefunc"]] if "scopefunc" in named else [])]
            if value and value.is_a("scoped_session") and not scopes:
                factories = [file.value(node, scope) for node in call.args[:1]]
                is_wrong = any(factory and factory.is_a(sa.FACTORY) for factory in factories)
                is_wrong |= _is_used_by_tasks(file, call)
            else:
                is_async = value is not None and value.is_a(sa.SCOPED)
                is_wrong = is_async and any(_is_thread(file, node, scope) for node in scopes)
            if is_wrong:
                yield self.report(file, call)


def _is_used_by_tasks(file: SourceFile, created: ast.Call) -> bool:
    owners = [(call.func.value, scope) for scope in file.module.all_scopes if scope.is_async
              for call in scope.calls if isinstance(call.func, ast.Attribute)]  # fmt: skip
    return any(file.project.origin(*owner)[0] is created for owner in owners)


def _is_thread(file: SourceFile, node: ast.AST, scope: Scope) -> bool:
    """Return whether a `scopefunc` identifies threads, for example threading.get_ident."""
    node, scope = file.project.origin(node, scope)
    function = file.project.function(file.value(node, scope))
    node, scope = (function.node, function) if function else (node, scope)
    parts = [file.project.origin(part, scope) for part in walk(node)]
    names = [file.external_name(getattr(part, "func", part), inner) for part, inner in parts]
    return any(name.startswith(("threading.", "_thread.")) for name in names)
