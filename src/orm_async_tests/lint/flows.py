"""Computes the control flow of each function once."""

import ast

from orm_async_tests.lint.flow_state import DATABASE, UNKNOWN, Failure, State
from orm_async_tests.lint.scopes import Scope, last_name
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
        return self._interpret(scope, scope, State(begun=self._begun_before(scope)))

    def _begun_before(self, scope: Scope) -> dict[str, ast.AST]:
        """Return the sessions on which FastAPI's dependencies have begun a transaction before a
        function runs, with the parameters of these dependencies.
        """
        providers = {name: self._dependency(name, scope) for name in scope.parameters}
        begun: dict[Scope, ast.AST] = {}
        for name, provider in providers.items():
            flow = self.of(provider) if provider else None
            if provider is None or flow is None:
                continue
            parameter = scope.bindings[name][0].node
            if flow.yields and all(key in state.begun for state, key in flow.yields):
                begun[provider] = parameter
            for inner in provider.parameters:
                session = self._dependency(inner, provider)
                if session and flow.ends and all(inner in end.begun for end in flow.ends):
                    begun[session] = parameter
        return {name: begun[provider] for name, provider in providers.items() if provider in begun}

    def _dependency(self, name: str, scope: Scope) -> Scope | None:
        """Return the function that FastAPI calls for a parameter."""
        project, binding = self.use.project, scope.bindings[name][0]
        parts = [getattr(binding.node, "annotation", None), scope.defaults.get(name)]
        for part in filter(None, parts):
            node, inner = project.origin(part, scope.parent or scope)
            for item in getattr(getattr(node, "slice", None), "elts", [node]):
                call, place = project.origin(item, inner)
                if isinstance(call, ast.Call) and call.args and last_name(call) == "Depends":
                    return project.function(project.callee(call.args[0], place))
        return None

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
            self._depth += 1
            known[key] = SessionFlow(self.use, scope, self, start)
            self._depth -= 1
        return known.get(key)
