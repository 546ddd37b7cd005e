"""Folds constant expressions, which are strings and dictionaries that are written in the source."""

import ast
from dataclasses import dataclass, field

from orm_async_tests.lint.terms import Scope

NOT_CONSTANT = object()


@dataclass
class FoldedDict:
    """A dictionary of which only some keys may be known."""

    values: dict[str, object] = field(default_factory=dict)
    is_complete: bool = True


def fold(node: ast.AST | None, scope: Scope, depth: int = 0) -> object:
    """Return the value of an expression as a constant or a FoldedDict, or return NOT_CONSTANT. A
    string is returned without its variable parts.
    """
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
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="URL") | ast.Attribute(attr="URL"), attr="create")
        ):
            return _fold_url(node, scope, depth)
        case ast.Dict() | ast.Call(func=ast.Name(id="dict")):
            return _fold_dict(node, scope, depth)
    return NOT_CONSTANT


def _join(separator: str, nodes: list[ast.expr], scope: Scope, depth: int) -> object:
    """Join texts to one text if all texts are constants."""
    parts = [fold(node, scope, depth + 1) for node in nodes]
    texts = parts[0] if len(parts) == 1 and isinstance(parts[0], list) else parts
    strings = [text for text in texts if isinstance(text, str)]
    return separator.join(strings) if len(strings) == len(texts) else NOT_CONSTANT


def _fold_dict(node: ast.Dict | ast.Call, scope: Scope, depth: int) -> FoldedDict:
    """Return a dictionary whose keys are constants. Values of the dictionary that are not constant
    remain expressions.
    """
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
            result.values[str(key.value)] = value if inner is NOT_CONSTANT else inner
        else:
            result.is_complete = False
    return result


def _fold_url(call: ast.Call, scope: Scope, depth: int) -> object:
    """Return the driver and the query in a call of URL.create(), in the form of a URL."""
    keywords = {item.arg: item.value for item in call.keywords}
    driver = fold(call.args[0] if call.args else keywords.get("drivername"), scope, depth + 1)
    query = fold(keywords.get("query"), scope, depth + 1)
    pairs = query.values.items() if isinstance(query, FoldedDict) else ()
    text = "&".join(f"{name}={value}" for name, value in pairs)
    return f"{driver}:///?{text}" if isinstance(driver, str) else NOT_CONSTANT


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
    if isinstance(value, FoldedDict):
        _apply_changes(value, name, owner, depth)
    return value


def _apply_changes(value: FoldedDict, name: str, scope: Scope, depth: int) -> None:
    """Apply to a dictionary the changes that its block makes after creating it."""
    body = getattr(scope.node, "body", [])
    for item in ast.walk(scope.node):
        change: ast.expr
        match item:
            case ast.Assign(
                targets=[ast.Subscript(value=ast.Name(id=other), slice=key)], value=new
            ):
                change = ast.Dict([key], [new])
            case ast.Expr(
                value=ast.Call(func=ast.Attribute(value=ast.Name(id=other), attr="update")) as call
            ):
                change = ast.Call(ast.Name("dict"), call.args, call.keywords)
            case (
                ast.Subscript(value=ast.Name(id=other), ctx=ast.Del())
                | ast.Call(func=ast.Attribute(value=ast.Name(id=other), attr="pop" | "clear"))
            ) if other == name:
                value.values.clear()
                value.is_complete = False
                return
            case _:
                continue
        if other == name:
            _update(value, fold(change, scope, depth + 1) if item in body else NOT_CONSTANT)
