"""Computes the control flow of each function, to learn how calls change sessions."""

import ast
from itertools import chain

from orm_async_tests.lint import flow_expressions as expressions
from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.callers import arguments_of
from orm_async_tests.lint.flow_state import DATABASE, RESULT, TRUE, UNKNOWN, Failure, State
from orm_async_tests.lint.scopes import Scope, creation, names_in
from orm_async_tests.lint.session_flow import SessionFlow
from orm_async_tests.lint.session_use import Event, SessionUse, wrappers
from orm_async_tests.lint.value import Value

RETRYING = {"AsyncRetrying", "Retrying"}  # the loops of tenacity, which repeat a `with` block
FLAGS = (True, False, None, TRUE, ())  # the arguments that usually choose a branch
MAX_DEPTH = 20  # nested calls that the control flow follows


class Flows:
    """Computes and caches the control flow of functions."""

    def __init__(self, use: SessionUse) -> None:
        self.use = use
        self._depth = 0

    def of(self, scope: Scope) -> SessionFlow | None:
        return self._interpret(scope, State(begun=self._begun_before(scope)))

    def _begun_before(self, scope: Scope) -> dict[str, ast.AST]:
        """Find session parameters for which a FastAPI dependency has begun a transaction.

        Map the name of each session parameter to the parameter whose dependency began the
        transaction.
        """
        providers = {name: self._dependency(name, scope) for name in scope.parameters}
        begun: dict[Scope, ast.AST] = {}
        for name, provider in providers.items():
            flow = self.of(provider) if provider else None
            if provider is None or flow is None:
                continue
            parameter = scope.bindings[name][0].node
            if _yields_begun(flow):
                begun[provider] = parameter
            for inner in provider.parameters:
                session = self._dependency(inner, provider)
                if session and flow.ends and all(inner in end.begun for end in flow.ends):
                    begun[session] = parameter
        return {name: begun[provider] for name, provider in providers.items() if provider in begun}

    def _dependency(self, name: str, scope: Scope) -> Scope | None:
        """Return the dependency of a parameter, for example `f` for Depends(f)."""
        project = self.use.project
        calls = expressions.depends_of(project, name, scope)
        callees = (project.callee(call.args[0], place) for call, place in calls if call.args)
        return project.function(next(callees, None))

    def begun(self, item: ast.withitem, scope: Scope) -> list[str]:
        """Return the variables with sessions whose context manager begins a transaction."""
        function = getattr(item.context_expr, "func", item.context_expr)
        flow = self.of_function(self.use.project.value(function, scope))
        return [*names_in(item.optional_vars)] if flow and _yields_begun(flow) else []

    def of_function(self, function: Value | None) -> SessionFlow | None:
        scope = self.use.project.function(function)
        return self.of(scope) if scope else None

    def called(self, event: Event, state: State) -> SessionFlow | None:
        """Return the control flow of a called function.

        The control flow depends on the arguments and on the state of the caller's session.
        """
        scope = self.use.project.function(event.callee)
        if scope is None or event.callee is None:
            return None
        passed = arguments_of(event.node, scope, event.callee)
        facts = {name: state.evaluate(node) for name, node in (scope.defaults | passed).items()}
        known = [(name, value) for name, value in facts.items() if value is not UNKNOWN]
        facts = {name: value if value in FLAGS else TRUE for name, value in known if value != ""}
        start = State(facts=facts)
        if event.key in state.failures:
            failures = frozenset({Failure(scope.node, DATABASE)})
            start.failures = dict.fromkeys(event.inside, failures)
        if event.key in state.begun:
            function: ast.AST = scope.node
            start.begun = dict.fromkeys(event.inside, function)
        return self._interpret(scope, start)

    def outcomes(
        self, event: Event, scope: Scope, flow: SessionFlow | None
    ) -> tuple[bool, list[tuple[Failure, object]]]:
        """Return whether a call leaves a transaction open, and which errors the call swallows.

        Pair each error with the value that the function returns after the error. The parameter
        `flow` is the control flow of the called function.
        """
        errors: list[tuple[Failure, object]] = []
        for value in wrappers(self.use.project, event.callee):
            wrapper = self.of_function(value)
            if wrapper and expressions.may_fail(event, flow):
                errors += [(Failure(event.node, kind), None) for kind in wrapper.swallows]
        if flow is None or event.callee is None or flow.scope.decorators & expressions.MANAGERS:
            return False, errors
        is_here = flow.scope.module is scope.module
        arguments = arguments_of(event.node, flow.scope, event.callee)
        for end in flow.ends:
            returned = end.facts.get(RESULT, UNKNOWN)
            if isinstance(returned, ast.Name):
                returned = State().evaluate(arguments.get(returned.id, returned))
            groups = [end.failures.get(name, ()) for name in event.inside]
            errors += [(failure if is_here else Failure(event.node, failure.kind), returned)
                       for group in groups for failure in group]  # fmt: skip
        begun = [name in end.begun for end in flow.ends for name in event.inside]
        return bool(begun) and all(begun), errors

    def suppressed_by(self, expression: ast.expr, scope: Scope) -> tuple[str, list[str]]:
        """Return the name of a context manager, and the errors that it swallows.

        If the project defines the context manager, its name is "".
        """
        project = self.use.project
        is_item = isinstance(expression, ast.Name) and scope.role(expression.id) == "item"
        call = creation(expression, scope) if is_item else expression
        value = project.value(getattr(call, "func", expression), scope)
        if value and value.kind == "external":
            name = value.name.rpartition(".")[2]
            if name in RETRYING:
                return name, ["Exception"]
            parts = getattr(expression, "args", ()) if name == "suppress" else ()
            errors = [*chain(*(expressions.caught_by(project, part, scope) for part in parts))]
            return name, ["TimeoutError"] if name == "move_on_after" else errors
        flow = self.of_function(value)
        if flow and flow.swallows and flow.scope.decorators & expressions.MANAGERS:
            return "", ["Exception"]
        for name in ("__aexit__", "__exit__"):
            method = project.function(project.attribute(value, name)) if value else None
            if method is None or not expressions.returns_true(method):
                continue
            if sa.ENDINGS.isdisjoint(chain(*self.use.effects(method).values())):
                return "", ["Exception"]
        return "", []

    def _interpret(self, scope: Scope, start: State) -> SessionFlow | None:
        known: dict[object, SessionFlow | None] = scope.module.flows
        parts = start.failures, start.begun, start.facts
        key = scope, *(frozenset(part.items()) for part in parts)
        if key not in known and self._depth < MAX_DEPTH:
            known[key] = None  # a function that calls itself
            self._depth += 1
            known[key] = SessionFlow(self.use, scope, self, start)
            self._depth -= 1
        return known.get(key)


def _yields_begun(flow: SessionFlow) -> bool:
    """Return whether a function begins a transaction before every `yield`."""
    return bool(flow.yields) and all(key in state.begun for state, key in flow.yields)
