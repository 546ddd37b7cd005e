"""OAT603: datetimes with a time zone that code stores in columns without time zone."""

import ast
import re
from collections.abc import Iterator

from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.rules.rule import Rule, argument, named_arguments
from orm_async_tests.lint.scopes import Scope, last_name
from orm_async_tests.lint.source_file import SourceFile
from orm_async_tests.lint.value import Value

FUNCTIONS = (ast.Name, ast.Attribute, ast.Lambda)
DEFAULTS = {"default", "insert_default", "onupdate", "default_factory"}
COLUMN = re.compile(r"(sqlalchemy|sqlmodel)\.(.+\.)?(mapped_column|Column|Field)")
COLUMN_TYPES = {"type_", "sa_type", "sa_column"}  # the arguments that give a column its type
NAIVE = re.compile(r"sqlalchemy\.(.+\.)?(DateTime|DATETIME|TIMESTAMP)")
BASES = {"DeclarativeBase", "AsyncAttrs", "MappedAsDataclass", "SQLModel", "Generic", "ABC"}

Stored = tuple[Value, str, ast.expr, Scope]  # a class, its attribute, a value, and its scope


class AwareDatetime(Rule):
    """asyncpg refuses a datetime with a time zone for a column whose type has no time zone.

    - The rule checks only projects that use asyncpg. With psycopg, the server drops the time zone
      without an error.
    - The rule ignores a column whose type it cannot infer, for example because the base class has a
      type_annotation_map.
    """

    code = "OAT603"
    scripts = (45,)
    message = (
        "asyncpg refuses a datetime with a time zone for the column `{}`, because the type of the "
        "column has no time zone."
    )
    remedy = "Declare the column as DateTime(timezone=True)."

    def check(self, file: SourceFile) -> Iterator[Finding]:
        if "asyncpg" not in file.facts.drivers or "datetime" not in file.text.lower():
            return
        for stored in (_defaults(file), _passed(file), _assigned(file)):
            for owner, name, value, scope in stored:
                if _is_naive(file, owner, name) and _is_aware(file, value, scope):
                    yield self.report(file, value, name)


def _defaults(file: SourceFile) -> Iterator[Stored]:
    """Yield the functions that compute defaults. A default that is no function is for OAT601."""
    for cls in file.module.scopes.values():
        owner = Value("class", cls.name, cls.module.path)
        columns = cls.bindings.items() if isinstance(cls.node, ast.ClassDef) else ()
        for name, call in [(name, item.node) for name, bindings in columns for item in bindings]:
            named = named_arguments(file, call, cls) if isinstance(call, ast.Call) else {}
            for value in [named[key] for key in named.keys() & DEFAULTS]:
                source, _ = file.project.origin(value, cls)
                if isinstance(source, FUNCTIONS) or last_name(source) == "partial":
                    yield owner, name, value, cls


def _passed(file: SourceFile) -> Iterator[Stored]:
    """Yield the arguments of classes of the project, and of insert(...).values()."""
    for call, scope in [item for calls in [*file.module.calls.values()] for item in calls]:
        node: ast.AST = call.func
        if last_name(node) == "values":
            chain = [item for item in ast.walk(node) if isinstance(item, ast.Call) and item.args]
            models = [item.args[0] for item in chain if last_name(item) in ("insert", "update")]
            node = next(iter(models), node)
        owner = file.value(node, scope) if call.keywords else None
        if owner and owner.kind == "class":
            yield from ((owner, k.arg, k.value, scope) for k in call.keywords if k.arg)


def _assigned(file: SourceFile) -> Iterator[Stored]:
    for node, scope in file.nodes(ast.Assign):
        for target in node.targets:
            owner = file.value(target.value, scope) if isinstance(target, ast.Attribute) else None
            if owner and owner.kind == "instance":
                yield owner, target.attr, node.value, scope


def _is_naive(file: SourceFile, owner: Value, name: str) -> bool:
    """Return whether an attribute of a class is a column without time zone."""
    classes = [*file.project.bases(owner)]
    cls = next((base for base in classes if name in base.bindings), None)
    nodes = [item.node for item in cls.bindings[name]] if cls else []
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    if cls is None or not all(
        COLUMN.fullmatch(file.external_name(call.func, cls)) for call in calls
    ):
        return False
    types = [part for call in calls for part in call.args if not isinstance(part, ast.Constant)]
    types += [k.value for call in calls for k in call.keywords if k.arg in COLUMN_TYPES]
    if types:
        has_arguments = getattr(types[0], "args", ()) or getattr(types[0], "keywords", ())
        kind = file.external_name(getattr(types[0], "func", types[0]), cls)
        return NAIVE.fullmatch(kind) is not None and not has_arguments
    annotations = [ast.unparse(item.node) for item in cls.bindings[name] if item.kind == "of"]
    is_datetime = any(re.search(r"\bdatetime\b", text) for text in annotations)
    return is_datetime and _has_usual_types(file, classes)


def _has_usual_types(file: SourceFile, classes: list[Scope]) -> bool:
    """Return whether a mapped class maps datetime to DateTime(), as SQLAlchemy does by default."""
    names = set[str]()
    for cls in classes:
        if {"type_annotation_map", "registry"} & cls.bindings.keys():
            return False
        for node in cls.node.bases:
            value = file.value(getattr(node, "value", node), cls.parent or cls)
            if not (value and value.module):
                names.add(last_name(node))
    return bool(names & {"DeclarativeBase", "SQLModel"}) and names <= BASES


def _is_aware(file: SourceFile, node: ast.AST, scope: Scope, depth: int = 4) -> bool:
    """Return whether an expression is a datetime with a time zone, or computes one."""
    node, scope = file.project.origin(node, scope)
    if isinstance(node, ast.Call) and last_name(node) == "partial" and node.args:
        node = ast.Call(node.args[0], node.args[1:], node.keywords)
    func = node.func if isinstance(node, ast.Call) else node
    function = file.project.function(file.value(func, scope)) if depth else None
    if function and not function.is_async:
        returned = [_is_aware(file, item, function, depth - 1) for item in function.returned]
        return bool(returned) and all(returned)
    if isinstance(node, ast.BinOp):
        return _is_aware(file, node.left, scope, depth)
    if not isinstance(node, ast.Call):
        return False
    method = last_name(func)
    zones = argument(node, {"now": 0, "fromtimestamp": 1}.get(method, 9), "tz")
    zones += argument(node, 9, "tzinfo")
    if method == "replace" and not zones and isinstance(func, ast.Attribute):
        return _is_aware(file, func.value, scope, depth)
    is_datetime = file.external_name(func, scope).startswith("datetime.datetime")
    has_zone = any(not isinstance(zone, ast.Constant) for zone in zones)
    return method == "astimezone" or (has_zone and (is_datetime or method == "replace"))
