"""OAT401 to OAT403: arguments of engines and scoped sessions."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding, Fix
from orm_async_tests.lint.folding import FoldedDict, Folding
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.scopes import Scope, later
from orm_async_tests.lint.source_file import SourceFile

DRIVER_CACHE, DIALECT_CACHE = "statement_cache_size", "prepared_statement_cache_size"
POOL_ARGUMENTS = {"pool_size", "max_overflow", "pool_timeout", "pool_use_lifo"}
ASYNC_ONLY = re.compile(r"\+(asyncpg|aiosqlite|aiomysql|asyncmy)\b")
SYNC_ONLY = re.compile(r"^\w+\+(psycopg2|pymysql|mysqldb|pysqlite|pg8000)\b|^sqlite:")
NUMBERS = re.compile(
    r"\+asyncpg.*[?&](statement_cache_size|command_timeout|max_cached_statement_lifetime|timeout)="
)
CONNECT_ARGUMENTS = {DRIVER_CACHE, DIALECT_CACHE, "command_timeout", "server_settings", "sslmode",
                     "server_side_cursors"}  # fmt: skip
SSLMODE_PROBLEM = (
    "asyncpg does not know sslmode, which belongs to libpq, and raises a TypeError.",
    "Write ssl=... in place of sslmode=...",
)
SSLMODE = re.compile(r"\+asyncpg.*[?&]sslmode=")


@dataclass(frozen=True)
class EngineCall:
    """A call that creates an engine, with what the rules need to know about it."""

    node: ast.Call
    scope: Scope
    is_async: bool
    options: FoldedDict
    """The keyword arguments, those of `**options` too."""

    url: str
    """The URL as far as it is written in the source."""


def engine_calls(file: SourceFile) -> Iterator[EngineCall]:
    """Yield the calls that create engines, including calls of functions that pass options on to an
    engine.
    """
    if "ngine" not in file.text:
        return
    folding = Folding(file.project)
    for name, calls in file.module.calls.items():
        for call, scope in calls:
            words = {keyword.arg for keyword in call.keywords}
            if "engine" not in name.lower() and not words & {"connect_args", "poolclass", "url"}:
                continue
            value = file.value(call, scope)
            if value and value.is_a(sa.ENGINE, "Engine") and "option" not in name:
                options = folding.fold(ast.Call(ast.Name("dict"), [], call.keywords), scope)
                nodes = [*call.args[:1], *(k.value for k in call.keywords if k.arg == "url")]
                url = folding.fold(nodes[0], scope) if nodes else ""
                yield EngineCall(
                    call,
                    scope,
                    value.is_a(sa.ENGINE),
                    options if isinstance(options, FoldedDict) else FoldedDict(),
                    url if isinstance(url, str) else "",
                )


class HalfDisabledCache(Rule):
    """An engine turns off only one of the two caches of prepared statements with asyncpg.

    - The engine has a prepared_statement_name_func, which makes the names unique.
    - The engine uses psycopg, which has no such caches.
    """

    code = "OAT401"
    scripts = (105,)
    message = (
        "{} is still on: asyncpg and SQLAlchemy both cache prepared statements, and they must "
        "agree."
    )
    remedy = 'Add "{}": 0 to connect_args, or leave both caches on.'

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for engine in engine_calls(file):
            arguments = engine.options.values.get("connect_args")
            options = arguments if isinstance(arguments, FoldedDict) else FoldedDict()
            if "prepared_statement_name_func" in options.values or not options.is_complete:
                continue
            off = {
                name: options.values.get(name) == 0
                or re.search(rf"[?&]{name}=0(?!\d)", engine.url) is not None
                for name in (DRIVER_CACHE, DIALECT_CACHE)
            }
            # A part of the URL that is not seen may switch the other cache off.
            is_hidden = not engine.url and off[DRIVER_CACHE] and f"{DIALECT_CACHE}=" in file.text
            if engine.is_async and off[DRIVER_CACHE] != off[DIALECT_CACHE] and not is_hidden:
                missing = DIALECT_CACHE if off[DRIVER_CACHE] else DRIVER_CACHE
                yield self.report(
                    file, engine.node, missing, fix=_add_option(file, engine.node, missing)
                )


def _add_option(file: SourceFile, call: ast.Call, name: str) -> Fix | None:
    """Return the fix that adds an option to connect_args if connect_args is a dictionary in the
    call.
    """
    for keyword in call.keywords:
        options = keyword.value
        if keyword.arg == "connect_args" and isinstance(options, ast.Dict) and options.keys[0]:
            place = file.locate(options.keys[0])
            start = replace(place, end_line=place.line, end_column=place.column)
            return Fix(start, f'"{name}": 0, ')
    return None


class EngineArguments(Rule):
    """The arguments of an engine contradict its URL, its class or each other.

    - The rule does not check arguments that are computed at run time.
    """

    code = "OAT402"
    scripts = (152,)

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for engine in engine_calls(file):
            for message, remedy in self._problems(file, engine):
                yield self.report(file, engine.node, message=message, remedy=remedy)
        for call, scope in file.calls("update_query_dict"):
            query = Folding(file.project).fold(call.args[0], scope) if call.args else None
            if isinstance(query, FoldedDict) and DRIVER_CACHE in query.values:
                message, remedy = _number_in_url(DRIVER_CACHE)
                yield self.report(file, call, message=message, remedy=remedy)

    def _problems(self, file: SourceFile, engine: EngineCall) -> Iterator[tuple[str, str]]:
        url, is_async = engine.url, engine.is_async
        pool: object = engine.options.values.get("poolclass")
        pool_name = ""
        if isinstance(pool, ast.Name | ast.Attribute):
            pool_name = file.external_name(pool, engine.scope)
        pool_name = pool_name.rpartition(".")[2]
        surplus = sorted(POOL_ARGUMENTS & set(engine.options.values))
        if pool_name in ("NullPool", "StaticPool") and surplus:
            yield (
                f"{pool_name} has no size, so the engine refuses {surplus[0]} with a TypeError.",
                f"Drop {', '.join(surplus)}, or drop poolclass={pool_name}.",
            )
        if pool_name == "QueuePool" and is_async:
            yield (
                "An async engine refuses QueuePool, which blocks the event loop.",
                "Drop poolclass, or write AsyncAdaptedQueuePool.",
            )
        for name in sorted(CONNECT_ARGUMENTS & {*engine.options.values}):
            problem = f"create_engine() does not know {name} and raises a TypeError."
            yield problem, f'Pass it to the driver: connect_args={{"{name}": ...}}.'
        arguments = engine.options.values.get("connect_args")
        names = {*arguments.values} if isinstance(arguments, FoldedDict) else set()
        if "+asyncpg" in url and "sslmode" in names:
            yield SSLMODE_PROBLEM
        if not file.external_name(engine.node.func, engine.scope):
            return  # a function of the project may change the URL
        if not is_async and ASYNC_ONLY.search(url):
            yield (
                "create_engine() accepts this URL, but connecting raises MissingGreenlet.",
                "Call create_async_engine(), or choose a synchronous driver.",
            )
        if is_async and SYNC_ONLY.search(url):
            remedy = "Write an asynchronous driver into the URL, for example postgresql+asyncpg."
            yield "create_async_engine() refuses a synchronous driver.", remedy
        if SSLMODE.search(url):
            yield SSLMODE_PROBLEM
        if match := NUMBERS.search(url):
            yield _number_in_url(match.group(1))


def _number_in_url(name: str) -> tuple[str, str]:
    return (
        f"asyncpg receives {name} from the URL as text and raises a TypeError.",
        f'Pass it as a number: connect_args={{"{name}": ...}}.',
    )


class ScopedByThread(Rule):
    """All tasks of an event loop share a session that is scoped to the thread.

    - For synchronous code, scoped_session() is correct: each thread gets a session.
    """

    code = "OAT403"
    scripts = (134,)
    message = "All tasks run in one thread, so they share this session."
    remedy = "Write async_scoped_session(factory, scopefunc=asyncio.current_task)."

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for call, scope in file.calls("scoped_session", "async_scoped_session"):
            value = file.value(call, scope)
            options = Folding(file.project).fold(
                later(call, ast.Name("dict"), [], call.keywords), scope
            )
            named = options.values.get("scopefunc") if isinstance(options, FoldedDict) else None
            scopes = [*call.args[1:2], *([named] if isinstance(named, ast.expr) else [])]
            if value and value.is_a("scoped_session"):
                factory = file.value(call.args[0], scope) if call.args else None
                is_wrong = factory is not None and factory.is_a(sa.FACTORY) and not scopes
            else:
                is_async = value is not None and value.is_a(sa.SCOPED)
                is_wrong = is_async and bool(scopes) and _is_thread(file, scopes[0], scope)
            if is_wrong:
                yield self.report(file, call)


def _is_thread(file: SourceFile, node: ast.AST, scope: Scope) -> bool:
    """Return whether a scope function belongs to the module threading, or returns a value of such a
    function.
    """
    function = file.project.function(file.value(node, scope))
    if function and function.returned:
        node, scope = function.returned[0], function
    while True:
        node, scope = file.project.origin(node, scope)
        if file.external_name(node, scope).startswith(("threading.", "_thread.")):
            return True
        if not isinstance(node, ast.Call | ast.Attribute):
            return False
        node = node.func if isinstance(node, ast.Call) else node.value
