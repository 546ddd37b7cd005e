"""Fold constant expressions: strings and dictionaries that are written in the source."""

import ast
from dataclasses import dataclass, field

from orm_async_tests.lint.terms import Scope

NOT_CONSTANT = object()


@dataclass
class FoldedDict:
    """A dictionary of which some keys are known."""

    values: dict[str, object] = field(default_factory=dict)
    is_complete: bool = True


def fold(node: ast.AST | None, scope: Scope, depth: int = 0) -> object:
    """Return a constant or a FoldedDict, or NOT_CONSTANT. A text may lack its variable parts."""
    if depth > 6:
        return NOT_CONSTANT
    match node:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))):
            return -value
        case ast.JoinedStr(values=values):
            texts = [fold(value, scope, depth + 1) for value in values]
            return "".join(part if isinstance(part, str) else "{}" for part in texts)
        case ast.BinOp(op=ast.Add()):
            return _join("", [node.left, node.right], scope, depth)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="join")):
            return _join(text, node.args[:1], scope, depth)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return [fold(part, scope, depth + 1) for part in parts]
        case ast.BinOp(op=ast.BitOr()):
            return _merge([node.left, node.right], scope, depth)
        case ast.Name(id=name):
            return _fold_name(name, scope, depth)
        case ast.Dict() | ast.Call(func=ast.Name(id="dict")):
            return _fold_dict(node, scope, depth)
    return NOT_CONSTANT


def _join(separator: str, nodes: list[ast.expr], scope: Scope, depth: int) -> object:
    """Return texts as one text, if all of them are constants."""
    parts = [fold(node, scope, depth + 1) for node in nodes]
    texts = parts[0] if len(parts) == 1 and isinstance(parts[0], list) else parts
    strings = [text for text in texts if isinstance(text, str)]
    return separator.join(strings) if len(strings) == len(texts) else NOT_CONSTANT


def _fold_dict(node: ast.Dict | ast.Call, scope: Scope, depth: int) -> FoldedDict:
    """Return a dictionary of which the keys are constants."""
    result = FoldedDict()
    pairs: list[tuple[ast.expr | None, ast.expr]]
    if isinstance(node, ast.Call):
        for argument in node.args:
            _update(result, fold(argument, scope, depth + 1))
        keys: list[ast.expr | None] = [
            ast.Constant(item.arg) if item.arg else None for item in node.keywords
        ]
        pairs = list(zip(keys, [item.value for item in node.keywords], strict=True))
    else:
        pairs = list(zip(node.keys, node.values, strict=True))
    for key, value in pairs:
        inner = fold(value, scope, depth + 1)
        if key is None:
            _update(result, inner)
        elif isinstance(key, ast.Constant):
            result.values[str(key.value)] = inner
        else:
            result.is_complete = False
    return result


def _merge(nodes: list[ast.expr], scope: Scope, depth: int) -> FoldedDict:
    result = FoldedDict()
    for node in nodes:
        _update(result, fold(node, scope, depth + 1))
    return result


def _update(result: FoldedDict, inner: object) -> None:
    if isinstance(inner, FoldedDict):
        result.values |= inner.values
        result.is_complete &= inner.is_complete
    else:
        result.is_complete = False


def _fold_name(name: str, scope: Scope, depth: int) -> object:
    owner = scope.find(name)
    bindings = [item for item in owner.bindings[name] if item[0] != "of"] if owner else []
    if owner is None or len(bindings) != 1 or bindings[0][0] != "value":
        return NOT_CONSTANT
    value = fold(bindings[0][1], owner, depth + 1)
    if isinstance(value, FoldedDict) and _is_changed(name, owner.node):
        value.is_complete = False
    return value


def _is_changed(name: str, node: ast.AST) -> bool:
    """Return whether a dictionary is changed after its creation."""
    for item in ast.walk(node):
        match item:
            case ast.Subscript(value=ast.Name(id=other), ctx=ast.Store()) if other == name:
                return True
            case ast.Call(func=ast.Attribute(value=ast.Name(id=other), attr="update")) if (
                other == name
            ):
                return True
    return False
