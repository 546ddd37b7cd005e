"""Computes the control flow of each function once."""

from orm_async_tests.lint.flow_state import DATABASE, UNKNOWN, Failure, State
from orm_async_tests.lint.scopes import Scope
from orm_async_tests.lint.session_flow import SessionFlow
from orm_async_tests.lint.session_use import Event, SessionUse
from orm_async_tests.lint.value import Value

DEEPEST = 20  # functions that the control flow follows inside each other


class Flows:
    """The flows of all functions of a project."""

    def __init__(self, use: SessionUse) -> None:
        self.use = use
        self._depth = 0

    def of(self, scope: Scope) -> SessionFlow | None:
        return self._interpret(scope, scope, State())

    def of_function(self, function: Value | None) -> SessionFlow | None:
        scope = self.use.project.function(function)
        return self.of(scope) if scope else None

    def after_failure(self, event: Event, state: State) -> SessionFlow | None:
        """Return the flow of a called function if its session has failed before the call. In this
        flow, the failure is at the function itself.
        """
        scope = self.use.project.function(event.callee)
        if scope is None or event.callee is None:
            return None
        arguments = self.use.project.arguments(event.node, scope, event.callee).items()
        facts = {name: state.evaluate(node) for name, node in arguments}
        facts = {name: value for name, value in facts.items() if value is not UNKNOWN}
        failures = dict.fromkeys(event.inside, frozenset({Failure(scope.node, DATABASE)}))
        key = scope, event.inside, frozenset(facts.items())
        return self._interpret(key, scope, State(failures, facts=facts))

    def _interpret(self, key: object, scope: Scope, start: State) -> SessionFlow | None:
        known: dict[object, SessionFlow | None] = scope.module.flows
        if key not in known and self._depth < DEEPEST:
            known[key] = None  # a function that calls itself
            if scope.is_async or scope.yielded:
                self._depth += 1
                known[key] = SessionFlow(self.use, scope, self, start)
                self._depth -= 1
        return known.get(key)
