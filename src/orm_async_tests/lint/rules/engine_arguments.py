"""OAT401 to OAT403: arguments of engines and scoped sessions."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding, Fix
from orm_async_tests.lint.folding import FoldedDict, fold
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.source_file import SourceFile
from orm_async_tests.lint.terms import Scope

DRIVER_CACHE, DIALECT_CACHE = "statement_cache_size", "prepared_statement_cache_size"
POOL_ARGUMENTS = {"pool_size", "max_overflow", "pool_timeout", "pool_use_lifo"}
ASYNC_ONLY = re.compile(r"\+(asyncpg|aiosqlite|aiomysql|asyncmy)\b")
SYNC_ONLY = re.compile(r"^\w+\+(psycopg2|pymysql|mysqldb|pysqlite|pg8000)\b|^sqlite:")
NUMBERS = re.compile(
    r"\+asyncpg.*[?&](statement_cache_size|command_timeout|max_cached_statement_lifetime|timeout)="
)
SSLMODE = re.compile(r"\+asyncpg.*[?&]sslmode=")


def engine_calls(file: SourceFile) -> Iterator[tuple[ast.Call, Scope, bool]]:
    """Yield each call that creates an engine, and whether the engine is asynchronous."""
    for call, scope in file.nodes(ast.Call):
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        names = {keyword.arg for keyword in call.keywords}
        if "engine" not in name.lower() and not names & {"connect_args", "poolclass", "url"}:
            continue
        value = file.value(call, scope)
        if value and value.is_a(sa.ENGINE):
            is_option = isinstance(call.func, ast.Attribute) and "option" in call.func.attr
            if not is_option:
                yield call, scope, True
        elif value and value.is_a("Engine"):
            yield call, scope, False


def keywords_of(call: ast.Call, scope: Scope) -> FoldedDict:
    """Return the keyword arguments of a call, including those in `**options`."""
    return_value = fold(ast.Call(ast.Name("dict"), [], call.keywords), scope)
    return return_value if isinstance(return_value, FoldedDict) else FoldedDict()


def url_of(call: ast.Call, scope: Scope) -> str:
    """Return the URL of an engine, as far as the source contains it."""
    nodes = [*call.args[:1], *(k.value for k in call.keywords if k.arg == "url")]
    url = fold(nodes[0], scope) if nodes else ""
    return url if isinstance(url, str) else ""


class HalfDisabledCache(Rule):
    code = "OAT401"
    name = "half-disabled-cache"
    summary = "An engine turns off only one of the two caches of prepared statements with asyncpg."
    scripts = (105,)
    exceptions = (
        "The engine has a prepared_statement_name_func, which makes the names unique.",
        "The engine uses psycopg, which has no such caches.",
    )

    def check(self, file: SourceFile) -> Iterator[Finding]:
        if DRIVER_CACHE not in file.text:
            return
        for call, scope, is_async in engine_calls(file):
            if not is_async:
                continue
            arguments = keywords_of(call, scope).values.get("connect_args")
            options = arguments if isinstance(arguments, FoldedDict) else FoldedDict()
            url = url_of(call, scope)
            if "prepared_statement_name_func" in options.values or not options.is_complete:
                continue
            off = {
                name: options.values.get(name) == 0
                or re.search(rf"[?&]{name}=0(?!\d)", url) is not None
                for name in (DRIVER_CACHE, DIALECT_CACHE)
            }
            if off[DRIVER_CACHE] == off[DIALECT_CACHE] or self._may_be_elsewhere(off, file, url):
                continue
            missing = DIALECT_CACHE if off[DRIVER_CACHE] else DRIVER_CACHE
            yield file.report(
                self.code,
                call,
                f"{missing} is still on: asyncpg and SQLAlchemy both cache prepared statements, "
                "and they must agree.",
                f'Add "{missing}": 0 to connect_args, or leave both caches on.',
                fix=_add_option(file, call, missing),
            )

    def _may_be_elsewhere(self, off: dict[str, bool], file: SourceFile, url: str) -> bool:
        """Return whether an unknown part of the URL may turn off the other cache."""
        return not url and off[DRIVER_CACHE] and f"{DIALECT_CACHE}=" in file.text


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
    code = "OAT402"
    name = "engine-arguments"
    summary = "The arguments of an engine contradict its URL, its class or each other."
    scripts = (152,)
    exceptions = ("The rule does not check arguments that are computed at run time.",)

    def check(self, file: SourceFile) -> Iterator[Finding]:
        if "ngine" not in file.text:
            return
        for call, scope, is_async in engine_calls(file):
            for message, remedy in self._problems(file, call, scope, is_async):
                yield file.report(self.code, call, message, remedy)
        for call, scope in file.nodes(ast.Call):
            if getattr(call.func, "attr", "") == "update_query_dict" and call.args:
                query = fold(call.args[0], scope)
                text = str(query.values) if isinstance(query, FoldedDict) else ""
                if f"'{DRIVER_CACHE}'" in text:
                    yield file.report(self.code, call, *_number_in_url(DRIVER_CACHE))

    def _problems(
        self, file: SourceFile, call: ast.Call, scope: Scope, is_async: bool
    ) -> Iterator[tuple[str, str]]:
        arguments, url = keywords_of(call, scope), url_of(call, scope)
        pool = arguments.values.get("poolclass")
        pool_name = ""
        if isinstance(pool, (ast.Name, ast.Attribute)):
            pool_name = file.external_name(pool, scope).rpartition(".")[2]
        surplus = sorted(POOL_ARGUMENTS & set(arguments.values))
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
        if not file.external_name(call.func, scope):
            return  # a function of the project may change the URL
        if not is_async and ASYNC_ONLY.search(url):
            yield (
                "create_engine() accepts this URL, but connecting raises MissingGreenlet.",
                "Call create_async_engine(), or choose a synchronous driver.",
            )
        if is_async and SYNC_ONLY.search(url):
            yield (
                "create_async_engine() refuses a synchronous driver.",
                "Write an asynchronous driver into the URL, for example postgresql+asyncpg.",
            )
        if SSLMODE.search(url):
            yield (
                "asyncpg does not know sslmode, which belongs to libpq, and raises a TypeError.",
                "Write ssl=... in place of sslmode=...",
            )
        if match := NUMBERS.search(url):
            yield _number_in_url(match.group(1))


def _number_in_url(name: str) -> tuple[str, str]:
    return (
        f"asyncpg receives {name} from the URL as text and raises a TypeError.",
        f'Pass it as a number: connect_args={{"{name}": ...}}.',
    )


class ScopedByThread(Rule):
    code = "OAT403"
    name = "scoped-by-thread"
    summary = "All tasks of an event loop share a session that is scoped to the thread."
    scripts = (134,)
    exceptions = ("For synchronous code, scoped_session() is correct: each thread gets a session.",)

    def check(self, file: SourceFile) -> Iterator[Finding]:
        if "scoped_session" not in file.text:
            return
        for call, scope in file.nodes(ast.Call):
            value = file.value(call, scope)
            if value is None or not value.is_a(sa.SCOPED, "scoped_session"):
                continue
            scopes = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "scopefunc")]
            if value.is_a("scoped_session"):
                factory = file.value(call.args[0], scope) if call.args else None
                is_wrong = factory is not None and factory.is_a(sa.FACTORY) and not scopes
            else:
                is_wrong = bool(scopes) and _is_thread(file, scopes[0], scope)
            if is_wrong:
                yield file.report(
                    self.code,
                    call,
                    "All tasks run in one thread, so they share this session.",
                    "Write async_scoped_session(factory, scopefunc=asyncio.current_task).",
                )


def _is_thread(file: SourceFile, node: ast.expr, scope: Scope) -> bool:
    """Return whether a scope function belongs to the module threading, or returns a value of such a
    function.
    """
    term, path = scope.term(node), file.path
    value = file.value(node, scope)
    function = file.project.function(value)
    if value and function and function.returned:
        term, path = function.returned[0], value.module
    while True:
        value = file.project.evaluate(term, path)
        if value and value.kind == "external":
            return value.name.startswith(("threading.", "_thread."))
        if term[0] not in ("lambda", "call", "attr"):
            return False
        term = term[1]
