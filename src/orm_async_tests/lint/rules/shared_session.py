"""The rule OAT101: several tasks that run at the same time use one session."""

import ast
from collections import defaultdict
from collections.abc import Collection, Iterator

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.flow_expressions import depends_of
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.scopes import Scope, end_of
from orm_async_tests.lint.session_use import ANY, OPERATIONS, PASSED
from orm_async_tests.lint.source_file import SourceFile
from orm_async_tests.lint.tasks import Start, Work, is_awaited, starts

FIRST, LOOP = "this is the first of the tasks", "this loop starts many tasks"


class SharedSession(Rule):
    """Tasks that run at the same time share one session and its connection.

    Tasks may run at the same time if only one of them uses the session.

    Tasks may share a session if one asyncio.Lock surrounds every use of the session.

    Tasks may share an async_scoped_session, which gives every task its own session.
    """

    code = "OAT101"
    scripts = (24, 25, 26)
    message = (
        "Several tasks use {} at the same time, but a session or a connection can serve only one "
        "task at a time."
    )
    remedy = "Open a session in every task, or await the calls one after the other."
    related_message = "{1}"

    def check(self, file: SourceFile) -> Iterator[Finding]:
        groups: dict[object, list[Work]] = defaultdict(list)
        done = set[ast.AST]()
        for start in starts(file):
            if start.gathers:
                groups[start.call] += start.works
            elif not is_awaited(file, start.call):
                groups[start.scope] += start.works
                for work in start.works:
                    if (key := _used_meanwhile(file, start, work)) and work.node not in done:
                        done.add(work.node)
                        yield self.report(file, work.node, key, "")
        for group in groups.values():
            users: dict[str, list[Work]] = defaultdict(list)
            for work in group:
                for key in _sessions(file, work):
                    users[key].append(work)
            for key, (*others, last) in users.items():
                is_locked = set.intersection(*(_locks(file, work) for work in (*others, last)))
                if (others or last.around) and last.node not in done and not is_locked:
                    done.add(last.node)
                    loop = last.around if last.around in file.module.parents else None
                    first = others[0].node if others else loop
                    text = FIRST if others else LOOP
                    yield self.report(file, last.node, key, text, related=first)


def _used_meanwhile(file: SourceFile, start: Start, work: Work) -> str:
    """Return the key of a session that a function shares with a task that it started, or ""."""
    node = file.parent(start.call)
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    name = getattr(target, "id", "")
    blocks = [item for item in file.ancestors(start.call) if isinstance(item, ast.AsyncWith)]
    if not name and not blocks:
        return ""
    block = blocks[0] if blocks else start.scope.node
    uses = [(item.lineno, item.col_offset) for item in ast.walk(block)
            if isinstance(item, ast.Name) and item.id == name and item is not target]  # fmt: skip
    end = min([end_of(block), *uses])
    return _used_between(file, start.scope, _sessions(file, work), start.call, end)


def _used_between(
    file: SourceFile, scope: Scope, keys: Collection[str], start: ast.expr, end: tuple[int, int]
) -> str:
    """Return the first of `keys` whose session is used between `start` and `end`, or ""."""
    calls = [call for call in scope.calls
             if end_of(start) < (call.lineno, call.col_offset) < end
             and isinstance(file.parent(call), ast.Await)]  # fmt: skip
    for event in [event for call in calls for event in file.use.call_events(call, scope)]:
        if event.key in keys and event.operations & (sa.STATEMENTS | {"rollback"}):
            return event.key
    return ""


def _sessions(file: SourceFile, work: Work) -> Collection[str]:
    """Return the keys of the sessions that a coroutine uses but does not open."""
    keys: dict[str, None] = {}
    for event in file.use.events(work.node, work.scope):
        if event.key != ANY and event.operations & (OPERATIONS | {PASSED}):
            value = file.value(ast.parse(event.key, mode="eval").body, work.scope)
            is_scoped = value is not None and value.is_a(sa.SCOPED)
            if not is_scoped and not _is_bound_inside(event.key.partition(".")[0], work):
                keys[_shared_key(file, event.key, work.scope)] = None
    return keys


def _shared_key(file: SourceFile, key: str, scope: Scope) -> str:
    """Return a key that all parameters share if they get one session from Depends()."""
    root, _, rest = key.partition(".")
    binding = scope.binding(root)
    if binding is None or binding.kind != "param":
        return key
    calls = [call for call, _ in depends_of(file.project, root, binding.scope)]
    if rest:
        # The dependencies of a request share one session.
        return "the session of the request" if calls else key
    provider = calls[0].args if calls and not calls[0].keywords else []
    return f"the session of {ast.unparse(provider[0])}()" if provider else key


def _is_bound_inside(name: str, work: Work) -> bool:
    """Return whether the loop around a call rebinds a variable in every iteration."""
    owner = work.scope.find(name)
    nodes = set(ast.walk(work.around)) if work.around and owner else set()
    return owner is not None and any(binding.node in nodes for binding in owner.bindings[name])


def _locks(file: SourceFile, work: Work, depth: int = 3) -> set[str]:
    """Return the shared locks that a coroutine holds while it uses a session."""
    callee = work.node.func if isinstance(work.node, ast.Call) else work.node
    function = file.project.function(file.project.callee(callee, work.scope))
    locks = set[str]()
    if function is None:
        return locks
    for lock in [item.context_expr for manager in function.managers for item in manager.items]:
        value, name = file.value(lock, function), ast.unparse(lock)
        root, _, rest = name.partition(".")
        role = function.role(root) if function.find(root) is function else ""
        owner = file.value(lock.value, function) if isinstance(lock, ast.Attribute) else None
        members = file.project.member(owner, rest)
        if role == "self" and members and hasattr(members[0].scope.node, "args"):
            root = work.scope.path(getattr(callee, "value", callee))  # "" for a new object
            name = f"{root}.{rest}"
        is_lock = "lock" in name.lower() or (value and value.is_a("Lock"))
        if root and is_lock and role != "value" and not _is_bound_inside(root, work):
            locks.add(name)
    if not locks and depth:
        users = [call for call in function.calls if file.use.call_events(call, function)]
        inner = [_locks(file, Work(call, function), depth - 1) for call in users]
        names = set.intersection(*inner) if inner else set[str]()
        local = {name for name, items in function.bindings.items() if items[0].kind == "value"}
        locks = {name for name in names if name.partition(".")[0] not in local}
    return locks
