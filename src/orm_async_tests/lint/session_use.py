"""Determines which sessions an expression uses, and which methods of these sessions it calls.

The key of a session is the dotted path with which a function reaches it: "session", "self.session".
An object that holds a session, for example a repository, has the key of this session.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.expressions import last_name
from orm_async_tests.lint.module_summary import FunctionSummary
from orm_async_tests.lint.resolution import Project
from orm_async_tests.lint.terms import Scope, Term
from orm_async_tests.lint.value import Value

ANY = "*"  # the key of a rollback of a session that is not known
PASSED = "?"  # the operation of passing a session to code that cannot be resolved
OPERATIONS = sa.STATEMENTS | sa.ENDINGS | {"begin", sa.UNPROTECTED}
DEEPEST = 4  # calls inside calls
HARMLESS = {"isinstance", "print", "len", "repr", "str", "id", "type", "hasattr", "getattr", "bool",
            "inspect", "object_session", "append", "cast", "add_task", "setattr"}  # fmt: skip
LOOPS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SYNCHRONOUS = (ast.Attribute, ast.Expr, ast.Subscript, ast.Compare, ast.BoolOp, ast.If)
PLAIN_BASES = {"object", "abc.ABC", "typing.Protocol", "typing.Generic", "ABC"}
Effects = dict[str, frozenset[str]]


@dataclass(frozen=True)
class Event:
    """A call that uses a session."""

    key: str
    operations: frozenset[str]
    node: ast.Call
    callee: Value | None = None
    """The function of the project that does it, or None for a direct call of a method."""


class SessionUse:
    """Determines what the expressions of one module do with sessions."""

    def __init__(self, project: Project, path: str, parents: dict[ast.AST, ast.AST]) -> None:
        self.project = project
        self.path = path
        self.parents = parents
        self._effects: dict[tuple[str, str], Effects] = {}
        self._values: dict[ast.AST, Value | None] = {}

    def value(self, node: ast.AST, scope: Scope) -> Value | None:
        """Return the value of an expression, for example an instance of AsyncSession."""
        if node not in self._values:
            self._values[node] = self.project.evaluate(scope.term(node), self.path)
        return self._values[node]

    def called_name(self, node: ast.expr, scope: Scope) -> str:
        """Return the last name of the called function if it belongs to another library, and
        otherwise "".
        """
        value = self.value(node.func, scope) if isinstance(node, ast.Call) else None
        return value.name.rpartition(".")[2] if value and value.kind == "external" else ""

    def callers(self, node: ast.AST | None) -> list[str]:
        """Return the name of a call, and the names of the enclosing calls of which it is an
        argument.
        """
        names = []
        while isinstance(node, ast.Call):
            names.append(last_name(node))
            node = self.parents.get(node)
        return names

    def keys(self, node: ast.AST, scope: Scope) -> tuple[str, ...]:
        """Return the keys of the sessions that an expression returns, or that the returned object
        holds.
        """
        value = self.value(node, scope)
        if value is None:
            return ()
        if value.is_a(*sa.CONVERSATIONS):
            path = scope.path(node)
            return (self._canonical(path, scope),) if path else ()
        if value.is_a(sa.TRANSACTION):
            call = _bound_call(node, scope)
            func = call.func if call else None
            return self.keys(func.value, scope) if isinstance(func, ast.Attribute) else ()
        if value.kind == "instance" and value.module:
            return self._held(node, scope, value)
        return ()

    def _held(self, node: ast.AST, scope: Scope, value: Value) -> tuple[str, ...]:
        """Return the keys of the sessions that an object of the project holds."""
        call = _bound_call(node, scope)
        made_by = self.value(call.func, scope) if call else None
        if call and made_by and made_by.kind == "class":
            values = [*call.args, *(keyword.value for keyword in call.keywords)]
            keys = [key for part in values if _is_path(part) for key in self.keys(part, scope)]
            if keys:
                return tuple(keys)
        path = scope.path(node)
        if path is None:
            return ()
        return tuple(
            self._canonical(f"{path}.{name}", scope) for name in self.session_attributes(value)
        )

    def session_attributes(self, value: Value) -> list[str]:
        """Return the attributes of a class of the project that contain sessions."""
        return [
            name
            for summary, _, path in self.project.bases(value)
            for name, terms in summary.attributes.items()
            if any(_is_session(self.project.evaluate(term, path)) for term in terms)
        ]

    def _canonical(self, path: str, scope: Scope) -> str:
        """Return one key for a session that has several paths, for example
        self.repository.session.
        """
        parts = path.split(".")
        owner = scope.find(parts[0])
        role = owner.bindings[parts[0]][0] if owner else None
        if len(parts) < 3 or role is None or role[0] != "self":
            return path
        value = self.project.evaluate(("self", role[1]), self.path)
        if value is None or not value.module:
            return path
        attributes: dict[str, list[Term]] = {}
        for summary, _, _ in self.project.bases(value):
            attributes = {**summary.attributes, **attributes}
        for term in attributes.get(parts[1], []):
            for passed in [*term[2], *(item for _, item in term[3])] if term[0] == "call" else []:
                if passed[0] == "param" and _is_session(self.project.evaluate(passed, self.path)):
                    names = [name for name, terms in attributes.items() if passed in terms]
                    return f"{parts[0]}.{names[0] if names else passed[1]}"
        return path

    def events(self, node: ast.AST | None, scope: Scope) -> Iterator[Event]:
        """Yield each use of a session in an expression, in the order of evaluation."""
        if node is None or isinstance(node, (ast.Lambda, ast.Constant, ast.Name)):
            return
        for _ in range(2 if isinstance(node, LOOPS) else 1):
            for child in ast.iter_child_nodes(node):
                yield from self.events(child, scope)
        if isinstance(node, ast.Call):
            if last_name(node) == "wait_for" and node.args and isinstance(node.args[0], ast.Name):
                started = self.events(_bound_call(node.args[0], scope), scope)
                yield from (replace(event, node=node) for event in started)
            yield from self._call(node, scope)

    def _call(self, call: ast.Call, scope: Scope) -> Iterator[Event]:
        func = call.func
        name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
        if isinstance(func, ast.Attribute):
            owner = self.value(func.value, scope)
            if owner and owner.is_a(*sa.CONVERSATIONS, sa.TRANSACTION):
                if name in OPERATIONS:
                    for key in self.keys(func.value, scope):
                        yield Event(key, frozenset({name}), call)
                return
        callee = self.value(func, scope)
        if callee and callee.kind in ("class", "external", "method") and "rollback" not in name:
            return
        summary = self.project.function(callee)
        if callee and summary:
            yield from self._project_call(call, scope, callee, summary)
        elif "rollback" in name:
            yield Event(ANY, frozenset({"rollback"}), call)
        elif name not in HARMLESS and callee is None:
            yield from self._unresolved_call(call, scope)

    def _project_call(
        self, call: ast.Call, scope: Scope, callee: Value, summary: FunctionSummary
    ) -> Iterator[Event]:
        effects = self.effects(callee)
        if not effects:
            return
        merged: dict[str, set[str]] = {}
        arguments = self.arguments(call, summary, callee)
        for path, operations in effects.items():
            parameter, _, rest = path.partition(".")
            if parameter == "self" and summary.cls:
                func = call.func
                base = scope.path(func.value) if isinstance(func, ast.Attribute) else None
                keys = self._receiver_keys(func, base, rest, scope)
            elif parameter in summary.parameters:
                keys = self._argument_keys(arguments.get(parameter), rest, scope)
            else:  # a variable of an outer function
                outer = ast.parse(path, mode="eval").body
                keys = self.keys(outer, scope) if callee.module == self.path else ()
            for key in keys:
                merged.setdefault(key, set()).update(operations)
        for key, names in merged.items():
            yield Event(key, frozenset(names), call, callee)

    def _argument_keys(self, argument: ast.expr | None, rest: str, scope: Scope) -> tuple[str, ...]:
        """Return the keys of a session that the called function uses as `parameter.rest`."""
        if argument is None:
            return ()
        value = self.value(argument, scope)
        for part in rest.split(".") if rest else ():
            value = self.project.attribute(value, part)
        return self.keys(argument, scope) if _is_session(value) or not rest else ()

    def _receiver_keys(
        self, func: ast.expr, base: str | None, rest: str, scope: Scope
    ) -> tuple[str, ...]:
        """Return the keys of a session that the called method uses as `self.rest`."""
        if not isinstance(func, ast.Attribute) or not rest:
            return ()
        if base == "self":
            value = self.value(func.value, scope)
            for part in rest.split("."):
                value = self.project.attribute(value, part)
            return (self._canonical(f"self.{rest}", scope),) if _is_session(value) else ()
        return self.keys(func.value, scope)

    def _unresolved_call(self, call: ast.Call, scope: Scope) -> Iterator[Event]:
        if isinstance(self.parents.get(call), SYNCHRONOUS):
            return
        parts = [*call.args, *(keyword.value for keyword in call.keywords)]
        if isinstance(call.func, ast.Attribute):
            owner = self.value(call.func.value, scope)
            parts += [call.func.value] if owner and self._has_unknown_base(owner) else []
        for part in parts:
            if _is_path(part):
                for key in self.keys(part, scope):
                    yield Event(key, frozenset({PASSED}), call)

    def _has_unknown_base(self, value: Value) -> bool:
        """Return whether a class has a base class whose methods the checker does not know."""
        for summary, _, path in self.project.bases(value):
            for base in summary.bases:
                origin = self.project.evaluate(base[1] if base[0] == "sub" else base, path)
                if origin is None or not (origin.module or origin.name in PLAIN_BASES):
                    return True
        return False

    def arguments(
        self, call: ast.Call, summary: FunctionSummary, callee: Value
    ) -> dict[str, ast.expr]:
        """Return the arguments of a call, by the names of the parameters that receive them."""
        names = summary.parameters[1:] if _is_bound(callee, summary) else summary.parameters
        plain = [part for part in call.args if not isinstance(part, ast.Starred)]
        arguments = dict(zip(names, plain, strict=False))
        return arguments | {item.arg: item.value for item in call.keywords if item.arg}

    def names_inside(self, event: Event, scope: Scope) -> Iterator[str]:
        """Yield the names under which a called function uses the session of the event."""
        summary = self.project.function(event.callee)
        if event.callee is None or summary is None:
            return
        func = event.node.func
        of_self = isinstance(func, ast.Attribute) and scope.path(func.value) == "self"
        is_nested = event.callee.name.startswith(f"{scope.name}.")
        if of_self or (is_nested and event.key not in summary.parameters):
            yield event.key
        for name, argument in self.arguments(event.node, summary, event.callee).items():
            if event.key in self.keys(argument, scope):
                yield name

    def effects(self, callee: Value, depth: int = 0) -> Effects:
        """Return what a function of the project does with its parameters. The keys are the paths of
        the parameters.
        """
        key = (callee.module, callee.name)
        if key in self._effects:
            return self._effects[key]
        summary = self.project.function(callee)
        if summary is None or depth > DEEPEST:
            return {}
        self._effects[key] = {}
        effects: dict[str, set[str]] = {}
        for path, operation in summary.operations:
            if operation in OPERATIONS or "rollback" in operation:
                name = operation if operation in OPERATIONS else "rollback"
                effects.setdefault(path, set()).add(name)
        for term, receiver, passed, is_protected in summary.calls:
            for path, operations in self._call_effects(term, receiver, passed, callee, depth):
                dropped = {sa.UNPROTECTED} if is_protected else set()
                effects.setdefault(path, set()).update(operations - dropped)
        result = {path: frozenset(names) for path, names in effects.items()}
        self._effects[key] = result
        return result

    def _call_effects(
        self,
        term: Term,
        receiver: str,
        passed: tuple[tuple[int | str, str], ...],
        caller: Value,
        depth: int,
    ) -> Iterator[tuple[str, frozenset[str]]]:
        inner = self.project.evaluate(term, caller.module)
        summary = self.project.function(inner)
        if inner is None or summary is None:
            if inner is None and _name_of(term) not in HARMLESS | OPERATIONS:
                named = {"rollback"} if "rollback" in _name_of(term) else {PASSED}
                yield from ((path, frozenset(named)) for _, path in passed)
            return
        offset = 1 if _is_bound(inner, summary) else 0
        arguments = {
            summary.parameters[place + offset] if isinstance(place, int) else place: path
            for place, path in passed
            if isinstance(place, str) or place + offset < len(summary.parameters)
        }
        if receiver and summary.cls:
            arguments["self"] = receiver
        made_with = _parameters_of_object(term)
        for path, operations in self.effects(inner, depth + 1).items():
            parameter, dot, rest = path.partition(".")
            if parameter in arguments:
                yield arguments[parameter] + dot + rest, operations
            elif parameter == "self" and summary.cls:
                yield from ((name, operations) for name in made_with)
            elif parameter not in summary.parameters and inner.name.startswith(caller.name):
                yield path, operations


def _is_session(value: Value | None) -> bool:
    return value is not None and value.is_a(*sa.CONVERSATIONS)


def _is_path(node: ast.AST) -> bool:
    return isinstance(node, (ast.Name, ast.Attribute, ast.NamedExpr))


def _is_bound(callee: Value, summary: FunctionSummary) -> bool:
    """Return whether a call passes the object before the dot as the first argument."""
    names = [term[-1] for term in summary.decorators]
    return bool(summary.cls) and callee.inner is not None and "staticmethod" not in names


def _parameters_of_object(term: Term) -> list[str]:
    """Return the parameters with which a function creates an object and then calls one of its
    methods.
    """
    if term[0] == "attr" and term[1][0] == "call":
        parts = [*term[1][2], *(part for _, part in term[1][3])]
        return [part[1] for part in parts if part[0] == "param"]
    return []


def _name_of(term: Term) -> str:
    return term[-1] if term[0] in ("attr", "global") else ""


def _bound_call(node: ast.AST, scope: Scope) -> ast.Call | None:
    """Return the call that created an object. The call is the expression itself, or the value of a
    name.
    """
    if isinstance(node, ast.Name):
        owner = scope.find(node.id)
        bindings = owner.bindings[node.id] if owner else []
        node = bindings[0][1] if len(bindings) == 1 and bindings[0][0] != "param" else node
    if isinstance(node, ast.Await):
        node = node.value
    return node if isinstance(node, ast.Call) else None
