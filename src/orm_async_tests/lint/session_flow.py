"""Follows the control flow of a function, to learn which sessions it uses after an error."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, product
from typing import TYPE_CHECKING

from orm_async_tests.lint import flow_expressions as expressions
from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.flow_state import (
    CANCELLED,
    DATABASE,
    RESULT,
    TIMEOUT,
    UNKNOWN,
    Failure,
    Raised,
    State,
    assignments,
    is_held,
    join,
)
from orm_async_tests.lint.scopes import Scope, last_name, names_in
from orm_async_tests.lint.session_use import ANY, OTHER, PASSED, READS, Event, SessionUse

if TYPE_CHECKING:
    from orm_async_tests.lint.flows import Flows


class SessionFlow:
    """Interprets one function, and records misuse in the fields `swallowed` and `late_begins`."""

    def __init__(self, use: SessionUse, scope: Scope, flows: "Flows", start: State) -> None:
        self.use = use
        self.scope = scope
        self.swallowed: dict[ast.AST, tuple[str, ast.AST]] = {}
        """For each call with a swallowed error, the error's kind and the session's next use."""

        self.late_begins: dict[ast.AST, ast.AST] = {}
        """For each begin() that comes too late, the call that has already begun the transaction."""

        self.yields: list[tuple[State, str]] = []
        """The states at each `yield`, with the name of the yielded variable."""

        self.repeated: dict[str, str] = {}
        """The parameters that the function awaits again after an error, with the error's kind."""

        self._flows = flows
        self._raised: list[Raised] = []
        """The exceptions that the code before the current line may raise and does not catch."""

        self._jumps: list[tuple[type[ast.stmt], State]] = []
        """The states at each `return`, `break` and `continue`."""

        self._timeouts = 0
        body: list[ast.stmt] = scope.node.body
        if isinstance(scope.node, ast.Lambda):
            body = [ast.copy_location(ast.Return(scope.node.body), scope.node.body)]
        end = self._block(body, [start])
        self._end(end, None)
        self.ends = [state for _, state in self._jumps]
        """The states at the end of the function. `facts[RESULT]` is the return value."""

        self.timed = {item.key for item in self._raised if TIMEOUT in item.kinds}
        """The keys of the sessions whose connection a timeout may cancel."""

        self.raised = dict[str, frozenset[str]]()
        """The operations that may raise an error without a rollback, by the key of the session."""

        for item in self._raised:
            self.raised[item.key] = self.raised.get(item.key, item.operations) | item.operations

    @property
    def swallows(self) -> set[str]:
        return {item.kind for end in self.ends for item in end.failures.get(expressions.BODY, ())}

    def _block(self, body: list[ast.stmt], states: list[State]) -> list[State]:
        states = [state.copy() for state in states]
        for statement in body:
            states = self._statement(statement, states) if states else []
        return states

    def _statement(self, node: ast.stmt, states: list[State]) -> list[State]:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return states
            case ast.Return():
                self._return(node, states)
            case ast.Raise():
                self._raise(node, states)
            case ast.Break() | ast.Continue():
                self._jumps += [(type(node), state) for state in states]
            case ast.If():
                return self._if(node, states)
            case ast.For() | ast.AsyncFor() | ast.While():
                return self._loop(node, states)
            case ast.Match():
                self._events(node.subject, states)
                branches = (self._block(case.body, states) for case in node.cases)
                return join([*states, *chain(*branches)])
            case ast.Try() | ast.TryStar():
                return self._try(node, states)
            case ast.With() | ast.AsyncWith():
                return self._with(node, states)
            case _:
                return self._plain(node, states)
        return []

    def _plain(self, node: ast.stmt, states: list[State]) -> list[State]:
        self._events(node, states)
        for target, value in assignments(node):
            is_path = isinstance(target, ast.Attribute)
            name = self.scope.path(target) if is_path else str(getattr(target, "id", ""))
            for state in states:
                state.assign(name, value)
        for state in states:
            state.end_statement(node)
        match node:
            case ast.Expr(ast.Yield(ast.Name(name))):
                self.yields += [(state.copy(), name) for state in states]
            case ast.Expr(ast.Call(ast.Attribute(ast.Name(name), "append" | "add"))):
                for state in states:
                    state.facts[name] = True
        project, scope = self.use.project, self.scope
        never = isinstance(node, ast.Expr) and expressions.never_returns(project, node.value, scope)
        return [] if never else states

    def _return(self, node: ast.Return, states: list[State]) -> None:
        self._events(node, states)
        value = node.value
        is_parameter = isinstance(value, ast.Name) and value.id in self.scope.parameters
        self._end(states, value if is_parameter or value is None else State().evaluate(value))

    def _end(self, states: list[State], result: object) -> None:
        for state in states:
            state.facts[RESULT] = result
        self._jumps += [(ast.Return, state) for state in states]

    def _raise(self, node: ast.Raise, states: list[State]) -> None:
        self._events(node, states)
        name = last_name(node.exc)
        self._raised += [Raised(key, failure.node, frozenset({name or failure.kind}), [state])
                             for state in states for key, group in state.failures.items()
                             for failure in group]  # fmt: skip

    def _if(self, node: ast.If, states: list[State]) -> list[State]:
        self._events(node.test, states)
        is_used = any(state.begun or state.failures for state in states)
        if is_used and expressions.tests_state(node.test, self.scope):
            # The condition `session.in_transaction()` is true for failed sessions.
            true = [replace(state, begun={}) for state in states]
            false = [State(facts=state.facts) for state in states]
        else:
            true = [state for state in states if state.may_be(node.test, truth=True)]
            false = [state for state in states if state.may_be(node.test, truth=False)]
        for state in (*true, *false):
            state.facts.pop(RESULT, None)
        return join([*self._block(node.body, true), *self._block(node.orelse, false)])

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, states: list[State]) -> list[State]:
        condition = node.test if isinstance(node, ast.While) else node.iter
        self._events(condition, states)
        endless = isinstance(condition, ast.Constant) and condition.value == 1
        outer, self._jumps = self._jumps, []
        ends = [] if endless else states
        for _ in range(2):  # the second pass starts with the states that the first pass left
            for state, name in product(states, names_in(getattr(node, "target", None))):
                state.rebind(name)
            inside = [state for state in states if state.may_be(condition, True)]
            states = join([*self._block(node.body, inside), *self._take(ast.Continue)])
            ends = ends if endless else [*ends, *states]
        breaks = self._take(ast.Break)
        self._jumps = outer + self._jumps
        return join([*self._block(node.orelse, join(ends)), *breaks])

    def _take(self, kind: type[ast.stmt]) -> list[State]:
        removed = [state for reason, state in self._jumps if reason is kind]
        self._jumps = [jump for jump in self._jumps if jump[0] is not kind]
        return removed

    def _try(self, node: ast.Try | ast.TryStar, states: list[State]) -> list[State]:
        start, first = len(self._jumps), len(self._raised)
        body = self._block(node.body, states)
        pending = self._take_raised(first)
        ends = self._block(node.orelse, body)
        calm = [replace(state, failures={}) for state in body or states]
        for handler in node.handlers:
            names = [*expressions.caught_by(self.use.project, handler.type, self.scope)]
            matching = [item for item in pending if expressions.catches(names, item.kinds)]
            caught = expressions.without_rare(self._flows, self.scope, node, handler, matching)
            pending = [*expressions.uncaught(names, pending)]
            if caught is not None:
                entry = join([*calm, *self._caught(caught, names)])
                for state in entry:
                    state.facts[handler.name or "except"] = True
                ends += self._block(handler.body, entry)
        self._raised += pending
        last = join(ends)
        if node.finalbody:
            # The block may test whether there was an exception, so follow only success.
            earlier_jumps = len(self._jumps)
            cleaned = self._block(node.finalbody, last or states)
            last = cleaned if last else []
            if not cleaned and len(self._jumps) > earlier_jumps:
                # `break`, `continue` or `return` drops the exceptions.
                kind = self._jumps[-1][0]
                dropped = self._caught(self._take_raised(first), ["BaseException"])
                self._jumps += [(kind, state) for state in dropped]
            cleared = {event.key for statement in node.finalbody
                       for event in self.use.events(statement, self.scope)
                       if event.operations & sa.ENDINGS}  # fmt: skip
            self._raised += [item for item in self._take_raised(first) if item.key not in cleared]
            self._clear_jumps(start, cleared)
        return last

    def _take_raised(self, first: int) -> list[Raised]:
        removed = self._raised[first:]
        del self._raised[first:]
        return removed

    def _clear_jumps(self, start: int, keys: set[str]) -> None:
        for (_, state), key in product(self._jumps[start:], keys):
            state.clear(key)

    def _caught(self, caught: list[Raised], names: list[str]) -> Iterator[State]:
        """Yield the states after a handler for the exceptions `names` has caught an error."""
        first = {item.key: item for item in reversed(caught)}
        for item in caught:
            origin = first[item.key]
            is_timeout = expressions.catches_timeout(names, origin.kinds)
            failure = Failure(origin.node, TIMEOUT if is_timeout else DATABASE)
            yield from (state.failed(item.key, failure) for state in item.states)

    def _with(self, node: ast.With | ast.AsyncWith, states: list[State]) -> list[State]:
        names = {name: last_name(item.context_expr)
                 for item in node.items for name in names_in(item.optional_vars)}  # fmt: skip
        entered = {name for name, manager in names.items() if manager not in sa.TIMEOUTS}
        for state, key in product(states, entered):
            state.clear(key)
        protected, commits = set(entered), dict[str, ast.AST]()
        suppressed, timeouts = list[str](), 0
        for item in node.items:
            self._events(item.context_expr, states)
            name, errors = self._flows.suppressed_by(item.context_expr, self.scope)
            timeouts += name in sa.TIMEOUTS
            suppressed += errors
            if not errors:
                protected |= expressions.protected_by(self.use, item, self.scope)
                committed = expressions.committed_by(self.use, item, self.scope)
                commits |= dict.fromkeys(committed, item.context_expr)
                for state, key in product(states, committed + self._flows.begun(item, self.scope)):
                    state.begun.setdefault(key, item.context_expr)
        self._timeouts += timeouts
        start, first = len(self._jumps), len(self._raised)
        end = self._block(node.body, states)
        self._timeouts -= timeouts
        raised = [item.after(timeouts) for item in self._take_raised(first) if not protected
                  or (item.key not in protected and not is_held(item.key))]  # fmt: skip
        for key, place in commits.items():
            if not expressions.is_single(self.use, key, node, self.scope):
                self._use(key, place, end)
        caught = [item for item in raised if expressions.catches(suppressed, item.kinds)]
        self._raised += [item for item in raised if item not in caught]
        if suppressed:
            ends = {False: end, True: [*self._caught(caught, suppressed)]}
            for is_cancelled, name, attribute in product(ends, names, sa.CANCELLED):
                for state in ends[is_cancelled]:
                    state.facts[f"{name}.{attribute}"] = is_cancelled
            end = join(chain(*ends.values()))
        self._clear_jumps(start, {*commits})
        for state, key in product(end, {*entered, *commits}):
            state.clear(key)
        return end

    def _events(self, node: ast.AST, states: list[State]) -> None:
        first = len(self._raised)
        events = self.use.events(node, self.scope)
        again = [event for event in events if expressions.is_repeated(event.node, self.scope)]
        for event in (*events, *again):
            remaining = [pair for state in states for pair in self._enter(event, state)]
            self._apply(event, states)
            for state, failures in remaining:
                state.failures[event.key] = failures
        for item in self._raised[first:]:
            if expressions.returns_exceptions(item.node, self.scope):
                failure = Failure(item.node, DATABASE)
                states[:] = [state.failed(item.key, failure) for state in states]
        if events:
            states[:] = join(states)
        for key, place in expressions.wrapped_in(node, self.scope):
            for failure in chain(*(state.failures.pop(key, ()) for state in states)):
                self.repeated[key] = failure.kind
            kinds = self._timed(place) | {DATABASE}
            copies = [state.copy() for state in states]
            self._raised.append(Raised(key, place, kinds, copies))

    def _enter(self, event: Event, state: State) -> Iterator[tuple[State, frozenset[Failure]]]:
        """Remove a session's errors before a call, and yield those that remain after the call."""
        is_failed = event.key in state.failures and "begin" not in event.operations
        flow = self._flows.called(event, state) if is_failed else None
        if flow and flow.scope.node in flow.swallowed:
            self._use(event.key, event.node, [state])
        elif flow:
            failures = state.failures.pop(event.key)
            if any(end.failures.get(name) for end in flow.ends for name in event.inside):
                yield state, failures

    def _apply(self, event: Event, states: list[State]) -> None:
        key, operations = event.key, event.operations
        if key == ANY:
            for state in states:
                state.failures.clear()
            return
        called = self._flows.called(event, State())
        may_fail = expressions.may_fail(event, called)
        repeated = called.repeated if called else {}
        for name in repeated.keys() & {*event.inside}:
            self.swallowed.setdefault(event.node, (repeated[name], event.node))
        if operations & sa.ENDINGS and not may_fail:
            for state in states:
                state.clear(key)
                state.failures.pop(expressions.BODY, None)
            return
        begins = "begin" in operations and not expressions.is_chosen(event.node, self.scope)
        if begins and states and all(key in state.begun for state in states):
            flow = self._flows.called(event, states[0])
            if flow is None or flow.scope.node in flow.late_begins.values():
                self.late_begins.setdefault(event.node, states[0].begun[key])
        if begins and event.callee and not may_fail:
            return
        if operations & (sa.STATEMENTS | {PASSED}):
            if not operations & sa.ENDINGS:  # otherwise the call may roll back first
                self._use(key, event.node, states)
            is_savepoint = "begin_nested" in operations and not may_fail
            raising = expressions.raising(event, called)
            kinds = {DATABASE} if raising else set[str]()
            # A timeout usually stops the other code of a function that sends only SELECTs.
            is_rare = OTHER in operations and operations <= READS
            kinds |= set() if is_rare else self._timed(event.node)
            kinds |= {TIMEOUT} if called and called.timed & {*event.inside} else set()
            if operations & sa.STATEMENTS and not is_savepoint and kinds:
                copies = [state.copy() for state in states]
                self._raised.append(Raised(key, event.node, frozenset(kinds), copies, raising))
        self._succeed(event, states, called)

    def _succeed(self, event: Event, states: list[State], called: "SessionFlow | None") -> None:
        """Record how a successful call changes the session."""
        key, operations = event.key, event.operations
        is_get = operations & {"get", "get_one"} and expressions.is_first(event, self.scope)
        for state in states:
            if (operations & sa.BEGINNING or is_get) and not event.callee:
                state.begun.setdefault(key, event.node)
            if operations & {"commit", PASSED} or event.callee:
                state.begun.pop(key, None)
            if operations & sa.ENDINGS:
                state.clear(key)
        is_begun, failed = self._flows.outcomes(event, self.scope, called)
        if failed and expressions.is_tested(self.use.project, event.node, self.scope):
            failed = [(failure, result) for failure, result in failed if result is not UNKNOWN]
        states += [state.failed(key, *outcome) for state in [*states] for outcome in failed]
        if is_begun:
            for state in states:
                state.begun[key] = event.node

    def _timed(self, node: ast.AST) -> frozenset[str]:
        """Return the exceptions that a timeout raises in a call."""
        is_waited = expressions.call_around(node, "wait_for", self.scope) is not None
        return frozenset([CANCELLED] * bool(self._timeouts) + [TIMEOUT] * is_waited)

    def _use(self, key: str, node: ast.AST, states: list[State]) -> None:
        for state in states:
            for failure in state.failures.pop(key, ()):
                self.swallowed.setdefault(failure.node, (failure.kind, node))
