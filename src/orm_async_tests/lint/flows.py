"""Computes the control flow of each function once."""

from orm_async_tests.lint.scopes import Scope
from orm_async_tests.lint.session_flow import SessionFlow
from orm_async_tests.lint.session_use import SessionUse
from orm_async_tests.lint.value import Value

DEEPEST = 20  # functions that the control flow follows inside each other


class Flows:
    """The flows of all functions of a project."""

    def __init__(self, use: SessionUse) -> None:
        self.use = use
        self._depth = 0

    def of(self, scope: Scope) -> SessionFlow | None:
        if not (scope.is_async or scope.yielded):
            return None
        known: dict[Scope, SessionFlow | None] = scope.module.flows
        if scope not in known and self._depth < DEEPEST:
            known[scope] = None  # a function that calls itself
            self._depth += 1
            known[scope] = SessionFlow(self.use, scope, self)
            self._depth -= 1
        return known.get(scope)

    def of_function(self, function: Value | None) -> SessionFlow | None:
        scope = self.use.project.function(function)
        return self.of(scope) if scope else None
