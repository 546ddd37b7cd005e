"""Follows the control flow of a function, to learn which sessions it uses after an error."""

import ast
from collections.abc import Callable, Iterable, Iterator

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.expressions import (
    ERRORS,
    assignments,
    catches,
    facts_of,
    is_true,
    last_name,
    names,
    set_fact,
)
from orm_async_tests.lint.flow_state import (
    DATABASE,
    TIMEOUT,
    Failure,
    Raised,
    State,
    Swallowed,
    is_held,
    join,
)
from orm_async_tests.lint.session_use import ANY, PASSED, Event, SessionUse
from orm_async_tests.lint.terms import Function, Scope
from orm_async_tests.lint.value import Value

TIMEOUTS = {"timeout", "timeout_at", "fail_after", "move_on_after"}
STATE_TESTS = {"in_transaction", "in_nested_transaction", "is_active", "get_transaction"}
BEGINNING = sa.STATEMENTS - {"get", "get_one", "commit", "delete", "begin_nested"}


class SessionFlow:
    """Interprets one function. `swallowed` and `late_begins` contain the results of the walk."""

    def __init__(self, use: SessionUse, scope: Scope, flow_of: "FlowOf") -> None:
        self.use = use
        self.scope = scope
        self.swallowed: dict[ast.AST, Swallowed] = {}
        self.late_begins: list[tuple[ast.AST, ast.AST]] = []
        """Pairs of a begin() and the statement before it."""

        self.exits: list[State] = []
        """The states in which the function returns nothing."""

        self.ends: list[State] = []
        """The states in which it returns anything."""

        self._flow_of = flow_of
        self._raised: list[list[Raised]] = [[]]
        self._timeouts = 0
        self._breaks: list[list[State]] = []
        self._continues: list[list[State]] = []
        node = scope.node
        if isinstance(node, Function):
            end = self._block(node.body, State())
            self.exits += [end] if end else []
            self.ends += [end] if end else []

    def _block(self, body: list[ast.stmt], state: State | None) -> State | None:
        for statement in body:
            if state is None:
                return None
            handler = STATEMENTS.get(type(statement), SessionFlow._plain)
            state = handler(self, statement, state)
        return state

    # Statements

    def _plain(self, node: ast.stmt, state: State) -> State | None:
        self._events(node, state)
        for target, value in assignments(node):
            is_path = isinstance(target, ast.Attribute)
            name = self.scope.path(target) if is_path else getattr(target, "id", None)
            if name:
                state.clear(name)
                set_fact(state, name, value)
        match node:
            case ast.Expr(ast.Call(ast.Attribute(ast.Name(name), "append" | "add"))):
                state.facts[name] = True
        never = isinstance(node, ast.Expr) and self._never_returns(node.value)
        return None if never else state

    def _never_returns(self, node: ast.expr) -> bool:
        node = node.value if isinstance(node, ast.Await) else node
        if not isinstance(node, ast.Call):
            return False
        value = self.use.value(node.func, self.scope)
        if value and value.kind == "external":
            return value.name in ("sys.exit", "os._exit", "exit", "quit", "pytest.fail",
                                  "pytest.skip")  # fmt: skip
        summary = self.use.project.function(value)
        return bool(summary and summary.raises)

    def _skip(self, node: ast.stmt, state: State) -> State:  # noqa: ARG002
        return state

    def _return(self, node: ast.Return, state: State) -> None:
        self._events(node, state)
        self.ends.append(state)
        if node.value is None or (isinstance(node.value, ast.Constant) and not node.value.value):
            self.exits.append(state)

    def _raise(self, node: ast.Raise, state: State) -> None:
        self._events(node, state)
        name = last_name(node.exc) if node.exc else ""
        for key, group in state.failures.items():
            for failure in group:
                kinds = frozenset({name} if name else {failure.kind})
                self._raised[-1].append(Raised(key, failure.node, kinds, state.copy()))

    def _break(self, node: ast.Break, state: State) -> None:  # noqa: ARG002
        self._breaks[-1].append(state)

    def _continue(self, node: ast.Continue, state: State) -> None:  # noqa: ARG002
        self._continues[-1].append(state)

    def _if(self, node: ast.If, state: State) -> State | None:
        self._events(node.test, state)
        names = {item.attr for item in ast.walk(node.test) if isinstance(item, ast.Attribute)}
        if names & STATE_TESTS:  # it asks the session itself, so trust both branches
            state.begun.clear()
            body = self._block(node.body, state.copy())
            if body is None or not body.failures:
                return body if body and not node.orelse else join(body, self._block(
                    node.orelse, State(facts=dict(state.facts))))  # fmt: skip
        yes, no = state.copy(), state.copy()
        for name, truth in facts_of(node.test, self.scope):
            yes.assume(name, truth)
        for name, truth in facts_of(ast.UnaryOp(ast.Not(), node.test), self.scope):
            no.assume(name, truth)
        return join(self._block(node.body, yes), self._block(node.orelse, no))

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, state: State) -> State | None:
        source = node.test if isinstance(node, ast.While) else node.iter
        self._events(source, state)
        endless = isinstance(node, ast.While) and is_true(node.test)
        self._breaks.append([])
        self._continues.append([])
        ends: list[State | None] = [None if endless else state]
        entry: State | None = state
        for _ in range(2):  # the second pass sees what the first one left
            if entry is None:
                break
            if not isinstance(node, ast.While):
                for name in names(node.target):
                    entry.clear(name)
            end = self._block(node.body, entry.copy())
            entry = join(end, *self._continues[-1])
            self._continues[-1].clear()
            ends.append(None if endless else entry)
        breaks = self._breaks.pop()
        self._continues.pop()
        after = join(*ends)
        return join(self._block(node.orelse, after) if after else None, *breaks)

    def _match(self, node: ast.Match, state: State) -> State | None:
        self._events(node.subject, state)
        ends = [self._block(case.body, state.copy()) for case in node.cases]
        return join(state, *ends)

    def _try(self, node: ast.Try, state: State) -> State | None:
        before = state.copy()
        self._raised.append([])
        body = self._block(node.body, state)
        raised = self._raised.pop()
        end = self._block(node.orelse, body)
        outside: list[Raised] = []
        ends = [end]
        pending = raised
        for handler in node.handlers:
            names = list(self._caught(handler.type))
            caught = [item for item in pending if catches(names, item.kinds)]
            pending = [item for item in pending if item not in caught]
            self._raised.append([])
            calm = join(before, body) or before
            ends.append(self._handle(handler.body, caught, calm, names, handler.name))
            outside += self._raised.pop()
        outside += pending
        last = join(*ends)
        if node.finalbody:
            # After an exception the block may test whether there was one, so follow success only.
            cleaned = self._block(node.finalbody, last or before)
            last = cleaned if last else None
            cleared = self._cleared(node.finalbody)
            outside = [item for item in outside if item.key not in cleared]
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
        """Follow a handler. Mark the sessions as failed in which the caught exceptions were
        raised.
        """
        entry = join(*(item.state for item in caught), calm)
        if entry is None:
            return None
        failures = set[Failure]()
        first = {item.key: item for item in reversed(caught)}
        for item in first.values():
            only_timeout = "TimeoutError" in names and not set(names) & ERRORS
            kind = TIMEOUT if only_timeout and TIMEOUT in item.kinds else DATABASE
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
            name = self.use.called_name(item.context_expr, self.scope)
            if name in TIMEOUTS:
                timeouts += 1
                suppressed += ["TimeoutError"] if name == "move_on_after" else []
            elif name == "suppress" and isinstance(item.context_expr, ast.Call):
                for part in item.context_expr.args:
                    suppressed += self._caught(part)
            else:
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
        caught = [item for item in raised if suppressed and catches(suppressed, item.kinds)]
        self._raised[-1] += [item for item in raised if item not in caught]
        if suppressed:
            end = join(end, self._handle([], caught, before, suppressed))
        for item in node.items:
            for key in names(item.optional_vars):
                if end is not None:
                    end.clear(key)
        return end

    def _enter(
        self,
        item: ast.withitem,
        state: State,
        protected: set[str],
        commits: list[tuple[str, ast.AST]],
    ) -> None:
        """Record which sessions a context manager rolls back, closes or commits on exit."""
        expression = item.context_expr
        value = self.use.value(expression, self.scope)
        for name in names(item.optional_vars):
            state.clear(name)
            protected.add(name)
            bound = self.use.project._unwrap("enter", value)
            if value and value.kind == "enter" and bound and bound.is_a(*sa.CONVERSATIONS):
                call = expression if isinstance(expression, ast.Call) else None
                if call and isinstance(call.func, ast.Attribute) and call.func.attr == "begin":
                    commits.append((name, expression))
        parts: Iterable[ast.AST] = [expression]
        if isinstance(expression, ast.Call):
            func = expression.func
            if isinstance(func, ast.Attribute):
                parts = [func.value, *expression.args]
                if func.attr == "begin" and self._is_conversation(func.value):
                    commits += [(key, expression) for key in self.use.keys(func.value, self.scope)]
            else:
                parts = [*expression.args]
            parts = [*parts, *(keyword.value for keyword in expression.keywords)]
        for part in parts:
            protected.update(self.use.keys(part, self.scope))

    def _is_conversation(self, node: ast.expr) -> bool:
        value = self.use.value(node, self.scope)
        return value is not None and value.is_a(*sa.CONVERSATIONS)

    # Expressions

    def _events(self, node: ast.AST, state: State) -> None:
        for event in self.use.events(node, self.scope):
            self._apply(event, state)

    def _apply(self, event: Event, state: State) -> None:
        key, operations = event.key, event.operations
        if key == ANY:
            state.failures.clear()
            return
        named = "rollback" in last_name(event.node)
        may_fail = sa.UNPROTECTED in operations and not named
        if operations & sa.ENDINGS and not may_fail:
            state.clear(key)
            return
        if "begin" in operations:
            self._begin(event, state)
            if event.callee and not may_fail:
                return
        if operations & (sa.STATEMENTS | {PASSED}):
            if not operations & sa.ENDINGS:  # otherwise it may roll back first
                self._use(key, event.node, state)
            is_savepoint = "begin_nested" in operations and not may_fail
            if operations & sa.STATEMENTS and not is_savepoint:
                self._may_raise(event, state)
        if operations & BEGINNING and not event.callee:
            state.begun.setdefault(key, event.node)
        if operations & {"commit", PASSED} or event.callee:
            state.begun.pop(key, None)
        if operations & sa.ENDINGS:
            state.clear(key)
        self._note_outcome(event, state)

    def _begin(self, event: Event, state: State) -> None:
        if event.key in state.begun and not event.callee:
            self.late_begins.append((event.node, state.begun[event.key]))

    def _may_raise(self, event: Event, state: State) -> None:
        kinds = {DATABASE}
        if self._timeouts or "wait_for" in self.use.callers(event.node):
            kinds.add(TIMEOUT)
        self._raised[-1].append(Raised(event.key, event.node, frozenset(kinds), state.copy()))

    def _note_outcome(self, event: Event, state: State) -> None:
        """Record in which state a function of this module leaves a session that it gets as an
        argument.
        """
        flow = self._flow_of(event.callee)
        if flow is None:
            return
        end = join(*flow.ends)
        for name in self.use.names_inside(event, self.scope):
            for failed in flow.exits:
                for failure in failed.failures.get(name, ()):
                    state.fail(event.key, failure)
            if end and name in end.begun:
                state.begun[event.key] = event.node

    def _use(self, key: str, node: ast.AST, state: State) -> None:
        for failure in state.failures.pop(key, ()):
            if failure.node not in self.swallowed:
                self.swallowed[failure.node] = Swallowed(failure.kind, failure.node, node)

    # Exceptions

    def _caught(self, node: ast.expr | None) -> Iterator[str]:
        """Yield the names of the exceptions that a handler catches."""
        if node is None:
            yield "BaseException"
        elif isinstance(node, ast.Tuple):
            for part in node.elts:
                yield from self._caught(part)
        else:
            value = self.use.value(node, self.scope)
            name = value.name if value else last_name(node)
            last = name.rpartition(".")[2]
            of_driver = name.partition(".")[0] in ("asyncpg", "psycopg", "psycopg2", "sqlite3")
            of_pool = name in ("sqlalchemy.exc.TimeoutError",)
            yield f"driver {last}" if of_driver or of_pool else last

    def _cleared(self, body: list[ast.stmt]) -> set[str]:
        """Return the sessions that a `finally` block rolls back or closes."""
        return {
            event.key
            for statement in body
            for event in self.use.events(statement, self.scope)
            if event.operations & sa.ENDINGS
        }


FlowOf = Callable[[Value | None], SessionFlow | None]
STATEMENTS: dict[type[ast.stmt], Callable[..., State | None]] = {
    ast.FunctionDef: SessionFlow._skip,
    ast.AsyncFunctionDef: SessionFlow._skip,
    ast.ClassDef: SessionFlow._skip,
    ast.Return: SessionFlow._return,
    ast.Raise: SessionFlow._raise,
    ast.Break: SessionFlow._break,
    ast.Continue: SessionFlow._continue,
    ast.If: SessionFlow._if,
    ast.For: SessionFlow._loop,
    ast.AsyncFor: SessionFlow._loop,
    ast.While: SessionFlow._loop,
    ast.Match: SessionFlow._match,
    ast.Try: SessionFlow._try,
    ast.TryStar: SessionFlow._try,
    ast.With: SessionFlow._with,
    ast.AsyncWith: SessionFlow._with,
}
