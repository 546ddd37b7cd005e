"""Determines which sessions an expression uses, and how it uses them.

The key of a session is its dotted path in the code, for example "self.session". An object that
holds a session, for example a repository, has the key of its session.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.callers import all_arguments, arguments_of
from orm_async_tests.lint.folding import expand_keywords, passed_to_field
from orm_async_tests.lint.plain_statements import CHANGE, WRITE, change_by
from orm_async_tests.lint.resolution import Project
from orm_async_tests.lint.scopes import Binding, Scope, creation, last_name, later
from orm_async_tests.lint.value import Value

ANY = "*"  # the key of a rollback of a session that is not known
PASSED = "?"  # the operation of passing a session to code that cannot be resolved
OPERATIONS = sa.STATEMENTS | sa.ENDINGS | {"begin"}
MAX_DEPTH = 30  # nested calls
SYNCHRONOUS = (ast.Attribute, ast.Expr, ast.Subscript, ast.Compare, ast.BoolOp, ast.If)
PATHS = (ast.Name, ast.Attribute, ast.Subscript)
OTHER = "other"  # the operation of a function that awaits other code, for example an HTTP client
FLUSHING = {"flush", "commit"}
PROTECTING = sa.ENDINGS | {"begin", "begin_nested"}
ADDING = {"add", "add_all"}  # autoflush may insert the added objects before the next SELECT
READING = {"execute", "scalar", "scalars", "exec", "stream", "stream_scalars"}
READS = READING | {"get", "get_one", "refresh", OTHER}  # operations that rarely fail
LOADING = READS | {"first", "one", "one_or_none", "scalar_one", "scalar_one_or_none"}
# Operations that rarely fail unless the session has new objects.
CHANGES = READS | FLUSHING | {"delete", "merge", CHANGE}
Effects = dict[str, frozenset[str]]


@dataclass(frozen=True)
class Event:
    """A call that uses a session."""

    key: str
    operations: frozenset[str]
    node: ast.Call
    callee: Value | None = None
    """The called function of the project, or None for a method of the session."""

    inside: tuple[str, ...] = ()
    """The keys of the session in the called function."""


class SessionUse:
    """Determines what expressions do with sessions."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._attributes: dict[Value, list[str]] = {}
        self._effects: dict[tuple[str, str], Effects] = {}
        self._open: set[ast.AST] = set()
        self._started: set[tuple[str, str]] = set()
        """The functions under analysis, which may call each other."""

        self._cuts = 0

    def keys(self, node: ast.AST, scope: Scope) -> tuple[str, ...]:
        value = self.project.value(node, scope)
        if value is None:
            return ()
        if value.is_session:
            path = self._accessor(node, scope) or scope.path(node)
            return (self._canonical(path, scope),) if path else ()
        if value.is_a(sa.TRANSACTION):
            func = getattr(creation(node, scope), "func", None)
            return self.keys(func.value, scope) if isinstance(func, ast.Attribute) else ()
        if value.kind == "instance" and value.module:
            return self._held(node, scope, value)
        return ()

    def _accessor(self, node: ast.AST, scope: Scope) -> str:
        """Return the key of a session in a context variable, for example "current.get()", or ""."""
        node, scope = self.project.origin(node, scope)
        match node:
            case ast.Call(func=ast.Attribute(value=owner, attr="get")):
                source, _ = self.project.origin(owner, scope)
                return f"{scope.path(owner)}.get()" if last_name(source) == "ContextVar" else ""
            case ast.Call(args=[], keywords=[]):
                function = self.project.function(self.project.value(node.func, scope))
                returned = function.returned if function else []
                if function and any(self._accessor(item, function) for item in returned):
                    return f"{scope.path(node.func)}()"
        return ""

    def _held(self, node: ast.AST, scope: Scope, value: Value) -> tuple[str, ...]:
        path = scope.path(node)
        names = self.session_attributes(value) if path else []
        keys = self._created_with(node, scope)
        return keys or tuple(self._canonical(f"{path}.{name}", scope) for name in names)

    def _created_with(self, node: ast.AST, scope: Scope) -> tuple[str, ...]:
        base, call, inner = "", creation(node, scope), scope
        owner = self.project.value(node.value, scope) if isinstance(node, ast.Attribute) else None
        for kind, bound, place in self.project.member(owner, getattr(node, "attr", "")):
            returned = bound.returned if kind == "function" else [bound]
            if returned and isinstance(returned[0], ast.Call) and isinstance(node, ast.Attribute):
                base, call = scope.path(node.value), returned[0]
                inner = bound if kind == "function" else place
        field, place = passed_to_field(self.project, node, scope)
        if field is not node and place is scope:
            return self.keys(field, scope)
        callee = self.project.value(call.func, inner) if call else None
        if call is None or callee is None or callee.kind != "class" or call in self._open:
            return ()
        self._open.add(call)  # because a variable may be an argument of its own value
        parts = [part for part in all_arguments(call) if isinstance(part, PATHS)]
        keys = [key for part in parts for key in self.keys(part, inner)]
        self._open.discard(call)
        if inner is scope or not base or owner is None:
            return tuple(keys)
        roots = [key.partition(".")[0] for key in keys]
        names = [key.partition(".")[2] if inner.role(root) == "self"
                 else self._attribute_of(owner, key, inner) or key
                 for root, key in zip(roots, keys, strict=True)]  # fmt: skip
        return tuple(f"{base}.{name}" for name in names)

    def _attribute_of(self, owner: Value, name: str, scope: Scope) -> str:
        """Return the attribute that stores a variable, for example "_db" after `self._db = db`."""
        items = (item for cls in self.project.bases(owner) for item in cls.bindings.items())
        for attribute, bindings in items:
            stored = [binding.node for binding in bindings if binding.scope is scope]
            if name in [getattr(node, "id", "") for node in stored]:
                return attribute
        return ""

    def session_attributes(self, value: Value) -> list[str]:
        if value not in self._attributes:
            self._attributes[value] = [
                name
                for cls in self.project.bases(value)
                for name, bindings in cls.bindings.items()
                if bindings[0].kind != "function" and is_session(self.project.named(name, cls))
            ]
        return self._attributes[value]

    def _canonical(self, path: str, scope: Scope) -> str:
        """Return a key that all paths to one session share.

        The path "self.repository.session" may refer to the same session as "self.session".
        """
        owner = path.rpartition(".")[0]
        root, _, name = owner.partition(".")
        if not name:
            return path
        keys = self._created_with(ast.parse(owner, mode="eval").body, scope)
        value = self.project.named(root, scope) if scope.role(root) == "self" else None
        members = self.project.member(value, name)
        if value and members and all(_is_passed(binding) for binding in members):
            keys = tuple(f"{root}.{attribute}" for attribute in self.session_attributes(value))
        return keys[0] if len(keys) == 1 else path

    # Events

    def normal(self, call: ast.Call, scope: Scope) -> ast.Call:
        """Rewrite a call without partial() and `**options`."""
        value = self.project.value(call.func, scope)
        if value and value.kind == "call" and value.parts:
            source, _ = self.project.origin(call.func, scope)
            if isinstance(source, ast.Call) and source.args:
                function, *bound = source.args
                keywords = [*source.keywords, *call.keywords]
                call = later(call, function, [*bound, *call.args], keywords)
        elif value and (passed := self._passed_on(call, value)):
            call = passed
        if None in [keyword.arg for keyword in call.keywords]:
            keywords = expand_keywords(self.project, call, scope)
            call = later(call, call.func, call.args, keywords)
        return call

    def _passed_on(self, call: ast.Call, callee: Value) -> ast.Call | None:
        """Return the call work(...) that a wrapper such as retry(work, *items) makes."""
        function = self.project.function(callee)
        if function is None or not (function.node.args.vararg or function.node.args.kwarg):
            return None
        arguments = arguments_of(call, function, callee)
        for inner in function.calls:
            passed = arguments.get(getattr(inner.func, "id", ""))
            kinds = {*map(type, inner.args), *(k.arg for k in inner.keywords)}
            if passed and kinds <= {ast.Starred, None}:
                rest = [part for part in call.args if part not in arguments.values()]
                keywords = [k for k in call.keywords if k.arg not in function.parameters]
                return later(call, passed, rest, keywords)
        return None

    def events(self, node: ast.AST | None, scope: Scope) -> list[Event]:
        if node is None:
            return []
        if isinstance(node, ast.Call) and node not in scope.module.parents:  # created by later()
            parts = [node.func, *node.args, *node.keywords]
            inner = [event for part in parts for event in self.events(part, scope)]
            return [*inner, *self.call_events(node, scope)]
        calls, known = scope.calls_in(node), scope.module.events
        return [event for call in calls for event in
                (known[call] if call in known else self.call_events(call, scope))]  # fmt: skip

    def call_events(self, call: ast.Call, scope: Scope) -> list[Event]:
        place = call
        known = scope.module.events
        if place not in known:
            cuts, call = self._cuts, self.normal(place, scope)
            events = [*self._waited_for(call, scope), *self._call_events(call, scope)]
            events = [event if event.node is place else replace(event, node=place)
                      for event in events]  # fmt: skip
            if self._cuts > cuts and self._started:
                return events  # the events may be incomplete
            known[place] = events
        return known[place]

    def _waited_for(self, call: ast.Call, scope: Scope) -> list[Event]:
        if last_name(call) == "wait_for" and call.args and isinstance(call.args[0], ast.Name):
            return self.events(creation(call.args[0], scope), scope)
        return []

    def _call_events(self, call: ast.Call, scope: Scope) -> Iterator[Event]:
        func, name = call.func, last_name(call.func)
        callee = self.project.value(func, scope)
        if isinstance(func, ast.Attribute):
            owner = self.project.value(func.value, scope)
            if owner and (owner.is_session or owner.is_a(sa.TRANSACTION)):
                yield from self._session_events(call, func.value, name, scope)
                if name in OPERATIONS or self.project.function(callee) is None:
                    return
        if callee and callee.kind == "function":
            for wrapper in wrappers(self.project, callee):
                if any("begin" in names for names in self.effects_of(wrapper).values()):
                    if callee.inner and isinstance(func, ast.Attribute):
                        call = later(call, func, [func.value, *call.args], call.keywords)
                    callee = wrapper
            yield from self._project_call(call, scope, callee)
        elif isinstance(func, ast.Name) and scope.role(name) in ("item", "part of item"):
            for node, inner in self.project.candidates(func, scope):
                callee = self.project.value(node, inner)
                if callee and callee.kind == "function":
                    yield from self._project_call(call, scope, callee)
        elif "rollback" in name:
            yield Event(ANY, frozenset({"rollback"}), call)
        elif callee is None:
            yield from self._unresolved_call(call, scope)

    def _session_events(
        self, call: ast.Call, session: ast.expr, name: str, scope: Scope
    ) -> Iterator[Event]:
        """Yield the events of a call such as session.execute()."""
        is_lost = isinstance(scope.module.parents.get(call), ast.Expr)  # not awaited
        is_sent = name in OPERATIONS and not is_lost
        is_new = name in ADDING and not is_loaded(call, scope)
        keys = self.keys(session, scope) if is_sent or is_new else ()
        change = change_by(self.project, call, scope) if name in READING else frozenset()
        yield from (Event(key, change | {name}, call) for key in keys)

    def _project_call(self, call: ast.Call, scope: Scope, callee: Value) -> Iterator[Event]:
        effects, function = self.effects_of(callee), self.project.function(callee)
        if function and "abstractmethod" in function.decorators:
            yield from self._unresolved_call(call, scope)
        if function is None or not effects:
            return
        merged: dict[str, list[str]] = defaultdict(list)
        arguments: dict[str, ast.expr] = arguments_of(call, function, callee)
        for path in effects:
            root, _, rest = path.partition(".")
            if root in arguments:
                keys = self._mapped(arguments[root], rest, scope)
            elif root in function.parameters:
                continue
            else:  # a variable of an outer function or of the module
                keys = self._outer(path, function, scope)
            for key in keys:
                merged[key].append(path)
        for key, paths in merged.items():
            names = frozenset[str]().union(*(effects[path] for path in paths))
            yield Event(key, names, call, callee, tuple(paths))

    def _outer(self, path: str, function: Scope, scope: Scope) -> tuple[str, ...]:
        """Return a caller's keys for a session that a called function finds in an outer scope."""
        if path == ANY or function.module is not scope.module:
            return (path,) if path == ANY else ()
        return self.keys(ast.parse(path, mode="eval").body, scope)

    def _mapped(self, node: ast.expr, rest: str, scope: Scope) -> tuple[str, ...]:
        path = scope.path(node)
        if rest and scope.role(path.partition(".")[0]) == "self":
            return (self._canonical(f"{path}.{rest}", scope),)
        return self._passed(node, scope)

    def _passed(self, node: ast.expr, scope: Scope) -> tuple[str, ...]:
        value = self.project.value(node, scope)
        if value and value.kind == "await" and isinstance(node, ast.Call):
            return tuple(event.key for event in self.events(node, scope))
        if value and value.kind in ("function", "call"):
            events = self.events(later(node, node, [], []), scope)
            return tuple(event.key for event in events if not event.operations & PROTECTING)
        return self.keys(node, scope)

    def _unresolved_call(self, call: ast.Call, scope: Scope) -> Iterator[Event]:
        if isinstance(scope.module.parents.get(call), SYNCHRONOUS):
            return
        for part in all_arguments(call):
            for key in self.keys(part, scope):
                yield Event(key, frozenset({PASSED}), call)

    def effects_of(self, callee: Value) -> Effects:
        known = self._effects.get((callee.module, callee.name))
        if known is None and (function := self.project.function(callee)):
            known = self.effects(function)
        return known or {}

    def effects(self, function: Scope) -> Effects:
        key = (function.module.path, function.name)
        if key in self._effects:
            return self._effects[key]
        if key in self._started or len(self._started) > MAX_DEPTH:
            self._cuts += 1
            return {}
        self._started.add(key)
        effects: dict[str, set[str]] = defaultdict(set)
        others = frozenset[str]()
        for call in function.calls:
            others |= {OTHER} if self.awaits_other(call, function) else frozenset()
            for event in self.call_events(call, function):
                is_own = event.key.endswith("()") and self._sets_context(function)
                if is_own or not is_outside(event.key, function):
                    continue
                effects[event.key] |= event.operations
        for name in function.awaited:
            effects[name] |= {"execute", WRITE}
        self._started.remove(key)
        self._effects[key] = {path: others | names for path, names in effects.items()}
        return self._effects[key]

    def awaits_other(self, call: ast.Call, scope: Scope) -> bool:
        """Return whether a call awaits code that uses no session, for example an HTTP client."""
        name, is_awaited = last_name(call), isinstance(scope.module.parents.get(call), ast.Await)
        events = self.events if name in ("wait_for", "shield") else self.call_events
        return is_awaited and name != "sleep" and not events(call, scope)

    def _sets_context(self, function: Scope) -> bool:
        """Return whether a function or one of its context managers sets a context variable."""
        items = [item.context_expr for manager in function.managers for item in manager.items]
        managers = (self.project.function(self.project.value(item.func, function))
                    for item in items if isinstance(item, ast.Call))  # fmt: skip
        calls = [call for called in (function, *managers) if called for call in called.calls]
        return any(getattr(call.func, "attr", "") == "set" for call in calls)


def wrappers(project: Project, callee: Value | None) -> Iterator[Value]:
    """Yield the functions that run instead of a decorated function."""
    function = project.function(callee)
    if function is None or function.parent is None:
        return
    for node in getattr(function.node, "decorator_list", ()):
        decorator = project.function(project.value(node, function.parent))
        values = (
            (project.value(item, decorator) for item in decorator.returned) if decorator else ()
        )
        yield from (value for value in values if value and value.kind == "function")


def is_loaded(add: ast.Call, scope: Scope) -> bool:
    """Return whether a call such as `session.add(user)` only adds an object of a SELECT."""
    name = getattr(add.args[0], "id", "") if add.args else ""
    owner = scope.find(name)
    calls = [creation(item.node, item.scope) for item in owner.bindings[name]] if owner else []
    return bool(calls) and {last_name(call) for call in calls} <= LOADING


def is_session(value: Value | None) -> bool:
    return value is not None and value.is_session


def _is_passed(binding: Binding) -> bool:
    """Return whether an attribute gets its value from an argument of the constructor."""
    name = getattr(binding.node, "id", "")
    return binding.kind == "of" or binding.scope.role(name) == "param"


def is_outside(key: str, function: Scope) -> bool:
    """Return whether a session comes from outside a function, for example from a parameter."""
    root = key.partition(".")[0].partition("[")[0].removesuffix("()")
    owner = function.find(root)
    return root == ANY or (owner is not None and (owner is not function or (
        function.role(root) in ("param", "self", "cls"))))  # fmt: skip
