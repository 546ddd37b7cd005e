"""The rules of the checker.

To add a rule, write its class, add it to RULES, and write tests/lint/eval/CODE.py.
"""

from orm_async_tests.lint.rules.awaited_add import AwaitedAdd
from orm_async_tests.lint.rules.blocking_in_run_sync import BlockingInRunSync
from orm_async_tests.lint.rules.engine_arguments import (
    EngineArguments,
    HalfDisabledCache,
    ScopedByThread,
)
from orm_async_tests.lint.rules.listeners import AsyncListener
from orm_async_tests.lint.rules.missing_await import MissingAwait
from orm_async_tests.lint.rules.request_session import CommitAfterYield, RequestSessionInTask
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.rules.session_in_module import SessionInModule
from orm_async_tests.lint.rules.shared_session import SharedSession
from orm_async_tests.lint.rules.swallowed_error import BeginTwice, SwallowedError, UseAfterTimeout
from orm_async_tests.lint.rules.two_commands import TwoCommands
from orm_async_tests.lint.rules.value_computed_at_import import ValueComputedAtImport

RULES: dict[str, type[Rule]] = {
    rule.code: rule
    for rule in (
        SharedSession,
        SessionInModule,
        MissingAwait,
        AwaitedAdd,
        SwallowedError,
        UseAfterTimeout,
        BeginTwice,
        CommitAfterYield,
        RequestSessionInTask,
        HalfDisabledCache,
        EngineArguments,
        ScopedByThread,
        AsyncListener,
        BlockingInRunSync,
        TwoCommands,
        ValueComputedAtImport,
    )
}
