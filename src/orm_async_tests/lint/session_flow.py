"""Follows the control flow of a function, to learn which sessions it uses after an error."""

import ast
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from orm_async_tests.lint import flow_expressions as expressions
from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.flow_state import (
    DATABASE,
    RESULT,
    TIMEOUT,
    TRUE,
    Failure,
    Raised,
    State,
    assignments,
    constant_of,
    is_held,
    join,
)
from orm_async_tests.lint.scopes import Scope, last_name, names_in
from orm_async_tests.lint.session_use import ANY, PASSED, Event, SessionUse

if TYPE_CHECKING:
    from orm_async_tests.lint.flows import Flows

TIMEOUTS = {"timeout", "timeout_at", "fail_after", "move_on_after"}
STATE_TESTS = {"in_transaction", "in_nested_transaction", "is_active", "get_transaction"}
BEGINNING = sa.STATEMENTS - {"get", "get_one", "commit", "delete", "begin_nested"}


class SessionFlow:
    """Interprets one function. `swallowed` and `late_begins` contain the results of the walk."""

    def __init__(self, use: SessionUse, scope: Scope, flows: "Flows") -> None:
        self.use = use
        self.value = use.project.value
        self.scope = scope
        self.swallowed: dict[ast.AST, tuple[str, ast.AST]] = {}
        """The kinds of the swallowed errors, and the next uses of their sessions."""

        self.late_begins: dict[ast.AST, ast.AST] = {}
        """Every late begin(), and the statement before it."""

        self.exits: list[tuple[State, object]] = []
        """The states in which it returns a false constant or a parameter, and that."""

        self.ends: list[State] = []
        """The states in which it returns anything."""

        self._flow_of = flows.of_function
        self._raised: list[list[Raised]] = [[]]
        outer = getattr(scope.parent, "node", None)
        self._wraps = scope.yielded or scope.awaited or hasattr(outer, "args")
        self._timeouts = 0
        self._expected: list[Raised] = []
        """The exceptions that gather(return_exceptions=True) returns."""

        self._breaks, self._continues = list[list[State]](), list[list[State]]()
        end = self._block(scope.node.body, State())
        if end:
            self.exits.append((end, None))
            self.ends.append(end)

    @property
    def swallows(self) -> set[str]:
        groups = [state.failures.get(expressions.BODY, ()) for state in self.ends]
        return {failure.kind for group in groups for failure in group}

    def _block(self, body: list[ast.stmt], state: State | None) -> State | None:
        for statement in body:
            if state is None:
                return None
            state = self._statement(statement, state)
        return state

    def _statement(self, node: ast.stmt, state: State) -> State | None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return state
            case ast.Return():
                self._return(node, state)
            case ast.Raise():
                self._raise(node, state)
            case ast.Break():
                self._breaks[-1].append(state)
            case ast.Continue():
                self._continues[-1].append(state)
            case ast.If():
                return self._if(node, state)
            case ast.For() | ast.AsyncFor() | ast.While():
                return self._loop(node, state)
            case ast.Match():
                self._events(node.subject, state)
                return join(state, *(self._block(case.body, state.copy()) for case in node.cases))
            case ast.Try() | ast.TryStar():
                return self._try(node, state)
            case ast.With() | ast.AsyncWith():
                return self._with(node, state)
            case _:
                return self._plain(node, state)
        return None

    def _plain(self, node: ast.stmt, state: State) -> State | None:
        self._events(node, state)
        for target, value in assignments(node):
            is_path = isinstance(target, ast.Attribute)
            name = self.scope.path(target) if is_path else getattr(target, "id", None)
            if name:
                state.clear(name)
                state.set_fact(name, value)
                state.name_result(name)
        state.name_result()
        match node:
            case ast.Expr(ast.Call(ast.Attribute(ast.Name(name), "append" | "add"))):
                state.facts[name] = True
        never = isinstance(node, ast.Expr) and expressions.never_returns(
            self.use.project, node.value, self.scope
        )
        return None if never else state

    def _return(self, node: ast.Return, state: State) -> None:
        self._events(node, state)
        self.ends.append(state)
        if node.value is None or (isinstance(node.value, ast.Constant) and not node.value.value):
            self.exits.append((state, getattr(node.value, "value", None)))
        elif isinstance(node.value, ast.Name) and self.scope.role(node.value.id) == "param":
            self.exits.append((state, node.value))  # a default, for example

    def _raise(self, node: ast.Raise, state: State) -> None:
        self._events(node, state)
        name = last_name(node.exc) if node.exc else ""
        for key, group in state.failures.items():
            for failure in group:
                kinds = frozenset({name or failure.kind})
                self._raised[-1].append(Raised(key, failure.node, kinds, state.copy()))

    def _if(self, node: ast.If, state: State) -> State | None:
        self._events(node.test, state)
        for item in ast.walk(node.test) if state.failures else ():
            if isinstance(item, ast.NamedExpr):
                state.name_result(item.target.id)
        is_known = bool(state.begun or state.failures)
        names = {getattr(item, "attr", "") for item in ast.walk(node.test)} if is_known else set()
        if names & STATE_TESTS:  # it asks the session itself, so trust both branches
            state.begun.clear()
            body = self._block(node.body, state.copy())
            if body is None or not body.failures:
                return body if body and not node.orelse else join(body, self._block(
                    node.orelse, State(facts=dict(state.facts))))  # fmt: skip
        yes, no = state.copy(), state
        yes.assume(node.test, True)
        no.assume(node.test, False)
        for branch in (yes, no):
            branch.name_result()
        return join(self._block(node.body, yes), self._block(node.orelse, no))

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, state: State) -> State | None:
        self._events(node.test if isinstance(node, ast.While) else node.iter, state)
        endless = isinstance(node, ast.While) and bool(getattr(node.test, "value", False))
        self._breaks.append([])
        self._continues.append([])
        ends: list[State | None] = [None if endless else state]
        entry: State | None = state
        for _ in range(2):  # the second pass sees what the first one left
            if entry is None:
                break
            for name in names_in(getattr(node, "target", None)):
                entry.clear(name)
            end = self._block(node.body, entry.copy())
            entry = join(end, *self._continues[-1])
            self._continues[-1].clear()
            ends.append(None if endless else entry)
        breaks = self._breaks.pop()
        self._continues.pop()
        after = join(*ends)
        return join(self._block(node.orelse, after) if after else None, *breaks)

    def _try(self, node: ast.Try | ast.TryStar, state: State) -> State | None:
        before = state.copy()
        jumps = [*self._breaks[-1:], *self._continues[-1:], self.ends]
        sizes = [len(states) for states in jumps]
        self._raised.append([])
        body = self._block(node.body, state)
        pending = self._raised.pop()
        ends = [self._block(node.orelse, body)]
        outside: list[Raised] = []
        for handler in node.handlers:
            names = [*expressions.caught_by(self.use.project, handler.type, self.scope)]
            caught = [one for one in pending if expressions.catches(names, one.kinds)]
            pending = [item for item in pending if not expressions.catches_all(names, item.kinds)]
            self._raised.append([])
            calm = replace(join(before, body) or before, failures=dict(before.failures))
            ends.append(self._handle(handler.body, caught, calm, names, handler.name))
            outside += self._raised.pop()
        outside += pending
        last = join(*ends)
        if node.finalbody:
            # After an exception the block may test whether there was one, so follow success only.
            cleaned = self._block(node.finalbody, last or before)
            last = cleaned if last else None
            cleared = {
                event.key
                for statement in node.finalbody
                for event in self.use.events(statement, self.scope)
                if event.operations & sa.ENDINGS
            }
            outside = [item for item in outside if item.key not in cleared]
            for states, size in zip(jumps, sizes, strict=True):
                for jumped, key in product(states[size:], cleared):
                    jumped.clear(key)
        self._raised[-1] += outside
        return last

    def _handle(
        self,
        body: list[ast.stmt],
        caught: list[Raised],
        calm: State,
        names: list[str],
        name: str | None = None,
    ) -> State | None:
        """Follow a handler, and mark the sessions as failed whose exceptions it caught."""
        entry = join(*(item.state for item in caught), calm) or calm
        failures = set[Failure]()
        for item in {item.key: item for item in reversed(caught)}.values():
            is_timeout = TIMEOUT in item.kinds and set(names) & {"TimeoutError", *expressions.EVERY}
            kind = TIMEOUT if is_timeout else DATABASE
            failure = Failure(item.node, kind)
            failures.add(failure)
            entry.fail(item.key, failure)
        entry.facts |= {name: True} if name else {}
        end = self._block(body, entry)
        if end is not None:
            end.facts.pop(name or "", None)
            end.note_facts(failures)
        return end

    def _with(self, node: ast.With | ast.AsyncWith, state: State) -> State | None:
        protected: set[str] = set()
        commits: list[tuple[str, ast.AST]] = []
        suppressed: list[str] = []
        timeouts = 0
        for item in node.items:
            self._events(item.context_expr, state)
            name, errors = self._suppressed_by(item.context_expr)
            timeouts += name in TIMEOUTS
            suppressed += errors
            if name not in TIMEOUTS and not errors:
                self._enter(item, state, protected, commits)
        before = state.copy()
        self._timeouts += timeouts
        self._raised.append([])
        end = self._block(node.body, state)
        raised = self._raised.pop()
        if protected:
            raised = [one for one in raised if one.key not in protected and not is_held(one.key)]
        self._timeouts -= timeouts
        if end is not None:
            for key, place in commits:
                self._use(key, place, end)
                end.clear(key)
        caught = [one for one in raised if expressions.catches(suppressed, one.kinds)]
        self._raised[-1] += [item for item in raised if item not in caught]
        if suppressed:
            end = join(end, self._handle([], caught, before, suppressed))
        for item in node.items:
            for key in names_in(item.optional_vars):
                if end is not None:
                    end.clear(key)
        return end

    def _suppressed_by(self, expression: ast.expr) -> tuple[str, list[str]]:
        """Return the name of a context manager of another library, and the errors that it swallows.

        A context manager of the project that rolls back swallows no errors.
        """
        value = self.value(getattr(expression, "func", expression), self.scope)
        if value and value.kind == "external":
            return expressions.suppressed(self.use.project, value, expression, self.scope)
        flow = self._flow_of(value) if value and value.kind == "function" else None
        if flow and flow.swallows and flow.scope.decorators & expressions.MANAGERS:
            return "", ["Exception"]
        for name in ("__aexit__", "__exit__") if value and value.module else ():
            method = self.use.project.function(self.use.project.attribute(value, name))
            effects = self.use.effects(method).values() if method else ()
            if (
                method
                and expressions.returns_true(method)
                and not any(sa.ENDINGS & one for one in effects)
            ):
                return "", [*expressions.ERRORS.intersection(names_in(method.node))] or [
                    "Exception"
                ]
        return "", []

    def _enter(
        self,
        item: ast.withitem,
        state: State,
        protected: set[str],
        commits: list[tuple[str, ast.AST]],
    ) -> None:
        expression = item.context_expr
        func = expression.func if isinstance(expression, ast.Call) else None
        begins = isinstance(func, ast.Attribute) and func.attr == "begin"
        value = self.value(expression, self.scope)
        for name in names_in(item.optional_vars):
            state.clear(name)
            protected.add(name)
            if begins and value and value.kind == "enter" and value.inner and (
                value.inner.is_session
            ):  # fmt: skip
                commits.append((name, expression))
        owner = self.value(func.value, self.scope) if isinstance(func, ast.Attribute) else None
        if isinstance(func, ast.Attribute) and begins and owner and owner.is_session:
            commits += [(key, expression) for key in self.use.keys(func.value, self.scope)]
        for part in expressions.parts_of(expression):
            protected.update(self.use.keys(part, self.scope))

    def _events(self, node: ast.AST, state: State) -> None:
        events = self.use.events(node, self.scope)
        again = [one for one in events if expressions.is_repeated(one.node, self.scope)]
        for event in (*events, *again):
            self._apply(event, state)
        for item in self._expected:
            if not any("rollback" in last_name(call) for call in self.scope.calls):
                state.fail(item.key, Failure(item.node, DATABASE))
        self._expected.clear()
        for key, place in expressions.wrapped_in(node, self.scope) if self._wraps else ():
            kinds = frozenset({DATABASE, TIMEOUT} if self._is_timed(place) else {DATABASE})
            self._raised[-1].append(Raised(key, place, kinds, state.copy()))

    def _apply(self, event: Event, state: State) -> None:
        key, operations = event.key, event.operations
        if key == ANY:
            state.failures.clear()
            return
        named = "rollback" in last_name(event.node)
        may_fail = sa.UNPROTECTED in operations and not named
        if operations & sa.ENDINGS and not may_fail:
            state.clear(key)
            state.failures.pop(expressions.BODY, None)
            return
        if "begin" in operations and key in state.begun and not event.callee:
            self.late_begins.setdefault(event.node, state.begun[key])
        if "begin" in operations and event.callee and not may_fail:
            return
        if operations & (sa.STATEMENTS | {PASSED}):
            if not operations & sa.ENDINGS:  # otherwise it may roll back first
                self._use(key, event.node, state)
            is_savepoint = "begin_nested" in operations and not may_fail
            if operations & sa.STATEMENTS and not is_savepoint:
                timeout = {TIMEOUT} if self._is_timed(event.node) else set()
                raised = Raised(key, event.node, frozenset({DATABASE, *timeout}), state.copy())
                option = expressions.call_around(event.node, "gather", self.scope)
                is_returned = option == "return_exceptions"
                (self._expected if is_returned else self._raised[-1]).append(raised)
        is_get = operations & {"get", "get_one"} and expressions.is_new(key, self.scope)
        if (operations & BEGINNING or is_get) and not event.callee:
            state.begun.setdefault(key, event.node)
        if operations & {"commit", PASSED} or event.callee:
            state.begun.pop(key, None)
        if operations & sa.ENDINGS:
            state.clear(key)
        self._note_outcome(event, state)

    def _is_timed(self, node: ast.AST) -> bool:
        return bool(self._timeouts or expressions.call_around(node, "wait_for", self.scope))

    def _note_outcome(self, event: Event, state: State) -> None:
        flow = self._flow_of(event.callee)
        for value in expressions.wrappers(self.use.project, event.callee):
            wrapper = self._flow_of(value)
            for kind in wrapper.swallows if wrapper and sa.UNPROTECTED in event.operations else ():
                state.fail(event.key, Failure(event.node, kind, ((RESULT, None),)))
        if flow is None:
            return
        end = join(*flow.ends)
        is_here = flow.scope.module is self.scope.module
        callee = event.callee
        arguments = self.use.arguments(event.node, flow.scope, callee) if callee else {}
        for name in event.inside:
            for failed, constant in flow.exits:
                argument = arguments.get(getattr(constant, "id", ""))
                unknown = TRUE if isinstance(constant, ast.Name) else constant
                result = constant_of(argument) if argument else unknown
                for failure in failed.failures.get(name, ()):
                    node = failure.node if is_here else event.node
                    facts = () if result is TRUE else ((RESULT, result),)
                    state.fail(event.key, Failure(node, failure.kind, facts))
            if end and name in end.begun:
                state.begun[event.key] = event.node

    def _use(self, key: str, node: ast.AST, state: State) -> None:
        for failure in state.failures.pop(key, ()):
            self.swallowed.setdefault(failure.node, (failure.kind, node))
