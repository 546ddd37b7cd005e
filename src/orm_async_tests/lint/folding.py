"""Computes the values of constant expressions, for example of strings and dictionaries."""

import ast
from collections import defaultdict
from collections.abc import Sequence
from typing import cast

from orm_async_tests.lint.resolution import Project
from orm_async_tests.lint.scopes import Scope, end_of, last_name, walk

NOT_CONSTANT = object()
REST = "?"  # the key of all items of a dictionary that are unknown
MAX_DEPTH = 8
COPYING = {"copy", "strip", "format", "render_as_string", "bindparams", "columns",
           "execution_options"}  # fmt: skip
WRAPPING = {"make_url", "dedent", "cleandoc", "str", "deepcopy", "MappingProxyType", "text", "DDL"}

Pairs = Sequence[tuple[ast.expr | None, ast.expr]]
"""The keys and values of a dictionary. The key of `**options` is None."""


class Folding:
    """Computes the values of constant expressions, also across modules."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._depth = 0

    def fold(self, node: ast.AST | None, scope: Scope) -> object:
        """Return the value of an expression, or NOT_CONSTANT.

        In a dictionary, the key REST stands for unknown items. In a string, "{}" stands for an
        unknown part.
        """
        if node is None or self._depth > MAX_DEPTH:
            return NOT_CONSTANT
        self._depth += 1
        source, inner = self._project.origin(node, scope)
        value = self._fold(source, inner)
        if isinstance(value, dict) and (name := scope.path(node)):
            self._apply_changes(value, name, scope, node)
        self._depth -= 1
        return value

    def _fold(self, node: ast.AST, scope: Scope) -> object:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name) if (owner := scope.find(name)) and name in owner.defaults:
                return self.fold(owner.defaults[name], owner.parent or owner)
            case ast.JoinedStr(values=parts):
                texts = [self.fold(part, scope) for part in parts]
                return "".join(part if isinstance(part, str) else "{}" for part in texts)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._join([left, right], scope)
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="join")):
                items = self.fold(node.args[0], scope) if node.args else None
                return text.join(map(str, items)) if isinstance(items, list) else NOT_CONSTANT
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return [self.fold(part, scope) for part in parts]
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return self._fold_dict([(None, left), (None, right)], scope)
            case ast.Call(func=ast.Attribute(value=owner, attr="create")) if (
                url := self._project.value(owner, scope)
            ) and url.name == "URL":
                return self._fold_url(node, scope)
            case ast.Call(func=ast.Attribute(value=owner, attr="update_query_dict"), args=[query]):
                return self._join([owner, query], scope)
            case ast.Call(func=ast.Name(id="dict")):
                return self._fold_dict(_pairs_of(node), scope)
            case ast.Dict(keys=keys, values=nodes):
                return self._fold_dict([*zip(keys, nodes, strict=True)], scope)
            case ast.Call(func=func, args=[first, *_]) if last_name(func) in WRAPPING:
                return self.fold(first, scope)
            case ast.Call(func=func, keywords=[ast.keyword("default", first), *_]):
                return self.fold(first, scope)
            case (
                ast.Call(keywords=[ast.keyword("default_factory", func), *_]) | ast.Call(func=func)
            ):
                return self._fold_result(func, scope)
        return self._fold_part(node, scope)

    def _fold_part(self, node: ast.AST, scope: Scope) -> object:
        match node:
            case (
                ast.GeneratorExp(elt=item, generators=[ast.comprehension(ifs=[]) as loop])
                | ast.ListComp(elt=item, generators=[ast.comprehension(ifs=[]) as loop])
            ):
                items, result = self.fold(loop.iter, scope), self.fold(item, scope)
                if isinstance(items, list):
                    return [result for _ in items]
                return [result, result] if isinstance(result, str) else NOT_CONSTANT
            case ast.IfExp(body=body, orelse=orelse):
                both = {part: self.fold(part, scope) for part in (body, orelse)}
                filled = {part: item for part, item in both.items()
                          if isinstance(item, dict) and item}  # fmt: skip
                is_known = len(filled) == 1 and not _is_alternative(next(iter(filled)), scope)
                return next(iter(filled.values())) if is_known else NOT_CONSTANT
            case ast.Subscript(value=owner, slice=ast.Constant(value=str(key))):
                items = self.fold(owner, scope)
                return items.get(key, NOT_CONSTANT) if isinstance(items, dict) else NOT_CONSTANT
            case ast.Attribute(value=ast.Attribute() as member, attr="value"):  # of an enumeration
                return self.fold(member, scope)
            case ast.Attribute(value=owner, attr=name):
                members = self._project.member(self._project.value(owner, scope), name)
                if members and members[0].kind == "function":  # a property
                    return self._fold_returned(members[0].node)
        return NOT_CONSTANT

    def _fold_returned(self, function: Scope | None) -> object:
        if function is None or len(function.returned) != 1:
            return NOT_CONSTANT
        return self.fold(function.returned[0], function)

    def _fold_result(self, func: ast.expr, scope: Scope) -> object:
        match func:
            case ast.Attribute(value=owner, attr=name) if name in COPYING:
                return self.fold(owner, scope)
            case ast.Attribute(attr="model_dump"):  # of Pydantic
                return {REST: NOT_CONSTANT}
        return self._fold_returned(self._project.function(self._project.value(func, scope)))

    def _join(self, nodes: Sequence[ast.expr], scope: Scope) -> object:
        parts = [self.fold(node, scope) for node in nodes]
        parts = [_query_of(part) if isinstance(part, dict) else part for part in parts]
        texts = [part if isinstance(part, str) else "{}" for part in parts]
        return NOT_CONSTANT if set(texts) == {"{}"} else "".join(texts)

    def _fold_dict(self, pairs: Pairs, scope: Scope) -> dict[str, object]:
        result = dict[str, object]()
        for key, node in pairs:
            value = self.fold(node, scope)
            name = self.fold(key, scope)
            if key is None:
                result |= value if isinstance(value, dict) else {REST: NOT_CONSTANT}
            elif isinstance(name, str):
                known = self._project.value(node, scope) if value is NOT_CONSTANT else None
                if known and known.kind == "external":  # the name may mean nothing elsewhere
                    node = ast.copy_location(ast.Name(known.name, ast.Load()), node)
                result[name] = node if value is NOT_CONSTANT else value
            else:
                result[REST] = NOT_CONSTANT
        return result

    def _fold_url(self, call: ast.Call, scope: Scope) -> object:
        """Return the driver and the query of URL.create() as a URL."""
        arguments = self._fold_dict(_pairs_of(call), scope)
        driver = self.fold(call.args[0], scope) if call.args else arguments.get("drivername")
        query = arguments.get("query")
        text = _query_of(query) if isinstance(query, dict) else ""
        return f"{driver}:///?{text}" if isinstance(driver, str) else NOT_CONSTANT

    def _apply_changes(
        self, value: dict[str, object], name: str, scope: Scope, use: ast.AST
    ) -> None:
        """Apply changes of a dictionary variable, for example `options["echo"] = True`."""
        owning = scope.find(name) or scope
        for item in _changes(owning, scope).get(name, ()):
            match item:
                case ast.Assign(targets=[ast.Subscript(slice=key)], value=new):
                    pairs: Pairs = [(key, new)]
                case ast.AugAssign(value=new):
                    pairs = [(None, new)]
                case ast.Expr(value=ast.Call() as call):
                    pairs = _pairs_of(call)
                case _:  # an item is removed
                    value.clear()
                    value[REST] = NOT_CONSTANT
                    continue
            is_later = owning is scope and end_of(item) > end_of(use)
            if not is_later and not _is_alternative(item, scope, use):
                value |= self._fold_dict(pairs, scope)


def _changes(owning: Scope, scope: Scope) -> dict[str, list[ast.AST]]:
    """Return the syntax nodes that change a dictionary, by its path in the scope `scope`."""
    known, key = scope.module.values, (owning, scope, "changes")
    if key not in known:
        known[key] = defaultdict(list)
        for item in walk(owning.node):
            match item:
                case (
                    ast.Assign(targets=[ast.Subscript(value=owner)])
                    | ast.AugAssign(target=owner, op=ast.BitOr())
                    | ast.Expr(value=ast.Call(func=ast.Attribute(owner, "update")))
                    | ast.Subscript(value=owner, ctx=ast.Del())
                    | ast.Call(func=ast.Attribute(owner, "pop" | "popitem" | "clear"))
                ):
                    known[key][scope.path(owner)].append(item)
    changes: dict[str, list[ast.AST]] = known[key]
    return changes


def _pairs_of(call: ast.Call) -> Pairs:
    """Return the items of the dictionary that a call such as dict(options, echo=True) creates."""
    named = ((ast.Constant(k.arg) if k.arg else None, k.value) for k in call.keywords)
    return [*((None, argument) for argument in call.args), *named]


def expand_keywords(project: Project, call: ast.Call, scope: Scope) -> list[ast.keyword]:
    """Return the keyword arguments of a call, including the known items of `**options`."""
    keywords: list[ast.keyword] = []
    for keyword in call.keywords:
        options = NOT_CONSTANT if keyword.arg else Folding(project).fold(keyword.value, scope)
        items = options if isinstance(options, dict) else {}
        for name, value in items.items():
            node = value if isinstance(value, ast.expr) else ast.Constant(cast("str", value))
            keywords.append(ast.keyword(name, node))
        keywords += [] if items else [keyword]
    return keywords


def passed_to_field(project: Project, node: ast.AST, scope: Scope) -> tuple[ast.AST, Scope]:
    """Return the constructor's argument for a field such as event.at, or else `node` itself."""
    if not isinstance(node, ast.Attribute):
        return node, scope
    call, place = project.origin(node.value, scope)
    cls = project.scope(project.value(call.func, place)) if isinstance(call, ast.Call) else None
    if not isinstance(call, ast.Call) or cls is None or not isinstance(cls.node, ast.ClassDef):
        return node, scope
    names = [name for name, bindings in cls.bindings.items() if bindings[0].kind == "of"]
    passed: dict[str | None, ast.expr] = dict(zip(names, call.args, strict=False))
    passed |= {item.arg: item.value for item in expand_keywords(project, call, place)}
    return (passed[node.attr], place) if node.attr in passed else (node, scope)


def _query_of(options: dict[str, object]) -> str:
    return "".join(f"&{name}={value}" for name, value in options.items())


def _is_alternative(node: ast.AST, scope: Scope, use: ast.AST | None = None) -> bool:
    """Return whether a node never runs before `use`, or is in one of two alternative branches."""
    known = scope.module.values
    if (scope, "conditions") not in known:
        known[scope, "conditions"] = [ast.unparse(item.test) for item in walk(scope.node)
                                      if isinstance(item, ast.If | ast.IfExp)]  # fmt: skip
    while isinstance(around := scope.module.parents.get(node), ast.If | ast.IfExp):
        test, tests = ast.unparse(around.test), known[scope, "conditions"]
        if isinstance(around, ast.IfExp):
            is_other = node is around.orelse and tests.count(test) > 1
        else:
            returns = isinstance(around.body[-1], ast.Return)
            is_other = node in around.orelse or (returns and use not in {*walk(around)})
        if is_other or (test.startswith("not ") and test[4:] in tests):
            return True
        node = around
    return False
