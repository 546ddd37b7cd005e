"""The rule OAT603: code that stores a datetime with a time zone in a column without a time zone."""

import ast
import re
from collections.abc import Iterable, Iterator
from itertools import chain, product

from orm_async_tests.lint.callers import all_arguments
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.folding import passed_to_field
from orm_async_tests.lint.rules.rule import Rule, argument, named_arguments
from orm_async_tests.lint.scopes import Function, Module, Scope, last_name
from orm_async_tests.lint.session_use import ANY, READING
from orm_async_tests.lint.source_file import SourceFile
from orm_async_tests.lint.value import Value

FUNCTIONS = (ast.Name, ast.Attribute, ast.Lambda)
DEFAULTS = {"default", "insert_default", "onupdate", "default_factory"}
COLUMN = re.compile(r"(sqlalchemy|sqlmodel)\.(.+\.)?(mapped_column|Column|Field)")
FIELDS = {"field", "Field"}  # of dataclasses and Pydantic
COLUMN_TYPES = {"type_", "sa_type", "sa_column"}  # the arguments that give a column its type
NAIVE = re.compile(r"sqlalchemy\.(.+\.)?(DateTime|DATETIME|TIMESTAMP)")
BASES = {"DeclarativeBase", "AsyncAttrs", "MappedAsDataclass", "SQLModel", "Generic", "ABC"}

BOOLEAN = (ast.BoolOp, ast.If, ast.While, ast.Assert)  # nodes outside of SQL statements
COMPARING = {"between", "in_", "not_in", "is_distinct_from", "is_not_distinct_from"}
SYNCHRONOUS = {"Session", "sessionmaker", "scoped_session"}  # classes of SQLAlchemy
WRITING = ("values", "on_conflict_do_update")
NAMING = {"insert", "update", "select", "get", "get_one"}  # calls that name a model or a table

Table = tuple[ast.Call, Scope]  # a call of Table(), and its scope
Owner = Value | Table | None
Stored = tuple[Owner, str, ast.expr, Scope]
"""The model or table, the column's name, a value for the column, and the scope of the value."""


class AwareDatetime(Rule):
    """asyncpg refuses a datetime with a time zone for a column whose type has no time zone.

    The rule OAT603 applies only to projects that use asyncpg. With psycopg, the server
    converts a datetime with a time zone to the time zone of the connection, and drops the time
    zone.

    If a project also uses psycopg, the rule OAT603 ignores comparisons, dictionaries of values, and
    loaded objects. If a project also uses a synchronous driver, for example psycopg2, the rule
    ignores functions without an asynchronous session, and models that only synchronous modules
    create.

    In SQLModel 0.0.45 and newer, the column of a datetime has a time zone. The rule OAT603 reads
    the version of SQLModel from the files that lock or pin it.

    The rule OAT603 ignores a column if the checker cannot infer its type, for example because of a
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
        drivers = file.facts.drivers
        if "asyncpg" not in drivers:
            return
        is_mixed = file.facts.may_be_synchronous
        sources = [_passed(file), _assigned(file, loads="psycopg" not in drivers)]
        sources += [] if "psycopg" in drivers else [_compared(file), _listed(file)]
        stored = (item for item in _wrong(file, chain(*sources)) if _may_be_table(file, item[0])
                  and (not is_mixed or _uses_session(file, item[3])))  # fmt: skip
        for owner, name, value, _ in chain(_wrong(file, _defaults(file)), stored):
            if not (is_mixed and owner and _is_synchronous(file, owner)):
                yield self.report(file, value, name)


def _wrong(file: SourceFile, items: Iterable[Stored]) -> Iterator[Stored]:
    """Yield the items in which a datetime has a time zone, but the column has none."""
    for item in items:
        owner, name, value, scope = item
        if owner and _is_aware(file, value, scope) and _is_naive(file, owner, name):
            yield item


def _may_be_table(file: SourceFile, owner: Owner) -> bool:
    """Return False for a class of SQLModel without the argument table=True."""
    classes = [*file.project.bases(owner)] if isinstance(owner, Value) else []
    is_model = any(last_name(base) == "SQLModel" for cls in classes for base in cls.node.bases)
    return not is_model or any(key.arg == "table" for cls in classes for key in cls.node.keywords)


def _uses_session(file: SourceFile, scope: Scope) -> bool:
    """Return whether a function uses an asynchronous session."""
    events = file.use.events(scope.node, scope) if isinstance(scope.node, Function) else ()
    return any(event.key != ANY for event in events)


def _is_synchronous(file: SourceFile, owner: Owner) -> bool:
    """Return whether only modules without asynchronous sessions create objects of a class."""
    name = owner.name.rpartition(".")[2] if isinstance(owner, Value) else ""
    calls = file.project.calls
    calls.users.add(file.module.path)
    modules = [file.project.load(path) for path in calls.files_that_call(name)]
    creating = [module for module in modules if module and name in module.calls]
    is_known = bool(creating) and all(_has_synchronous_session(file, item) for item in creating)
    return is_known and not any(_uses_session(file, scope) for module in creating
                                for scope in module.all_scopes)  # fmt: skip


def _has_synchronous_session(file: SourceFile, module: Module) -> bool:
    """Return whether a name of a module is a synchronous session, or a class or factory of them."""
    values = (file.project.named(name, module.scope) for name in module.scope.bindings)
    return any(value.name in SYNCHRONOUS and value.kind in ("class", "instance")
               for value in values if value and not value.module)  # fmt: skip


def _defaults(file: SourceFile) -> Iterator[Stored]:
    """Yield the functions that compute column defaults.

    The rule OAT601 checks defaults that Python computes at import.
    """
    columns: list[tuple[Owner, str, ast.AST, Scope]] = [
        (_class(cls), name, item.node, cls) for cls in _classes(file.module)
        for name, bindings in cls.bindings.items() for item in bindings
    ]  # fmt: skip
    columns += [((table, scope), _first_text(column), column, scope)
                for table, scope in file.calls("Table") for column in table.args[2:]]  # fmt: skip
    for owner, name, call, scope in columns:
        named = named_arguments(file, call, scope) if isinstance(call, ast.Call) else {}
        for value in [named[key] for key in named.keys() & DEFAULTS]:
            source, _ = file.project.origin(value, scope)
            if isinstance(source, FUNCTIONS) or last_name(source) == "partial":
                yield owner, name, value, scope


def _classes(module: Module) -> list[Scope]:
    return [scope for scope in module.scopes.values() if isinstance(scope.node, ast.ClassDef)]


def _class(scope: Scope) -> Value:
    return Value("class", scope.name, scope.module.path)


def _first_text(column: ast.AST) -> str:
    """Return the name of a Column("name", ...), or ""."""
    arguments = column.args if isinstance(column, ast.Call) else []
    return str(getattr(next(iter(arguments), None), "value", ""))


def _passed(file: SourceFile) -> Iterator[Stored]:
    """Yield the keyword arguments of calls such as User(...) or insert(...).values()."""
    calls = [item for calls in file.module.calls.values() for item in calls if item[0].keywords]
    for call, scope in calls:
        if last_name(call.func) in WRITING:
            owner = _model(file, call, scope)
        else:
            owner = file.value(call.func, scope)
            owner = owner if owner and owner.kind == "class" else None
        named = named_arguments(file, call, scope) if owner else {}
        yield from ((owner, name, value, scope) for name, value in named.items())


def _model(file: SourceFile, node: ast.AST | None, scope: Scope, depth: int = 12) -> Owner:
    """Return the model or table of a statement, or the class of an object that a session loads."""
    if node is None or depth == 0:
        return None
    node, scope = file.project.origin(node, scope)
    match node:
        case ast.Name(id=name):
            binding = scope.binding(name)
            if binding and binding.kind == "item":
                return _model(file, binding.node, binding.scope, depth - 1)
        case ast.Await(value=inner):
            return _model(file, inner, scope, depth - 1)
        case ast.Call(func=func, args=args):
            name, owner = last_name(func), getattr(func, "value", None)
            if name == "select" and len(args) > 1:
                return None
            if name in NAMING:
                source = args[0] if args else owner  # for example the table in table.insert()
                return _owner(file, source, scope) if source else None
            statement = args[0] if args and name in READING else owner
            return _model(file, statement, scope, depth - 1)
    return None


def _owner(file: SourceFile, node: ast.AST, scope: Scope) -> Owner:
    """Return the class or the call to Table() that an expression refers to, or None."""
    value = file.value(node, scope)
    if value and value.kind == "class":
        return value
    source, inner = file.project.origin(node, scope)
    is_table = isinstance(source, ast.Call) and last_name(source) == "Table"
    return (source, inner) if isinstance(source, ast.Call) and is_table else None


def _listed(file: SourceFile) -> Iterator[Stored]:
    """Yield the values in dictionaries for an INSERT or UPDATE."""
    for call, place in file.calls(*WRITING, "execute"):
        owner = _model(file, call, place)
        for passed in (*call.args, *(k.value for k in call.keywords if k.arg == "set_")):
            node, scope = file.project.origin(passed, place)
            parts = getattr(node, "elts", None) or [getattr(node, "elt", node)]
            for row, inner in [row for part in parts for row in _rows(file, part, scope)]:
                for key, value in zip(row.keys, row.values, strict=True):
                    if isinstance(key, ast.Constant):
                        yield owner, str(key.value), value, inner
                    elif isinstance(key, ast.Attribute):
                        yield *_column(file, key, inner), value, inner


def _rows(file: SourceFile, node: ast.AST, scope: Scope) -> list[tuple[ast.Dict, Scope]]:
    """Return the dictionary that an expression is, or that the called function returns."""
    function = file.project.function(file.value(getattr(node, "func", node), scope))
    places = [(item, function) for item in function.returned] if function else [(node, scope)]
    sources = [file.project.origin(*place) for place in places]
    return [(item, inner) for item, inner in sources
            if isinstance(item, ast.Dict) and inner.module is file.module]  # fmt: skip


def _column(file: SourceFile, node: ast.Attribute, scope: Scope) -> tuple[Owner, str]:
    """Split an expression such as Model.at or table.c.at into its owner and the column's name."""
    holder = node.value
    if isinstance(holder, ast.Attribute) and holder.attr in ("c", "columns"):
        holder = holder.value
    return _owner(file, holder, scope), node.attr


def _compared(file: SourceFile) -> Iterator[Stored]:
    """Yield the values that a condition in SQL compares with a column."""
    conditions: list[tuple[list[ast.expr], Scope]] = []
    for node, scope in file.nodes(ast.Compare):
        parent = file.parent(node)
        if not (isinstance(parent, BOOLEAN) or isinstance(getattr(parent, "op", None), ast.Not)):
            conditions.append(([node.left, *node.comparators], scope))
    for call, scope in file.calls(*COMPARING):
        values = [item for value in call.args for item in getattr(value, "elts", [value])]
        conditions.append(([getattr(call.func, "value", call), *values], scope))
    for operands, scope in conditions:
        columns = [item for item in operands if isinstance(item, ast.Attribute)]
        values = [item for item in operands if not isinstance(item, ast.Constant)]
        yield from ((*_column(file, column, scope), value, scope)
                    for column, value in product(columns, values)
                    if value is not column)  # fmt: skip


def _assigned(file: SourceFile, *, loads: bool) -> Iterator[Stored]:
    """Yield the values that code assigns to attributes.

    If `loads` is true, include attributes of objects that a session loaded.
    """
    for node, scope in file.nodes(ast.Assign):
        for target in [target for target in node.targets if isinstance(target, ast.Attribute)]:
            owner: Owner = file.value(target.value, scope)
            if owner is None and loads and _is_aware(file, node.value, scope):
                owner = _model(file, target.value, scope)
            is_object = isinstance(owner, Value) and owner.kind in ("instance", "class")
            yield owner if is_object else None, target.attr, node.value, scope


def _is_naive(file: SourceFile, owner: Value | Table, name: str) -> bool:
    """Return whether a column of a class or of a Table() has no time zone."""
    classes = [*file.project.bases(owner)] if isinstance(owner, Value) else []
    cls = next((base for base in classes if name in base.bindings), None)
    annotations = ""
    if cls:
        # A method may also assign to the column.
        columns = [(item.node, cls) for item in cls.bindings[name] if item.scope is cls]
        annotated = [item.node for item in cls.bindings[name] if item.kind == "of"]
        # An annotation may be a name for Annotated[datetime, mapped_column(...)].
        aliases = [file.project.origin(getattr(node, "slice", node), cls) for node in annotated]
        columns += [(part, scope) for alias, scope in aliases for part in ast.walk(alias)
                    if last_name(alias) == "Annotated"]  # fmt: skip
        annotations = " ".join(map(ast.unparse, (*annotated, *(alias for alias, _ in aliases))))
    elif isinstance(owner, Value):
        return False
    else:
        columns = [file.project.origin(node, owner[1]) for node in owner[0].args[2:]]
        columns = [item for item in columns if _first_text(item[0]) == name]
    calls = [(node, scope) for node, scope in columns if isinstance(node, ast.Call)]
    if not all(COLUMN.fullmatch(file.external_name(node.func, scope)) for node, scope in calls):
        return False
    types = [(part, scope) for call, scope in calls
             for part in (*call.args, *(k.value for k in call.keywords if k.arg in COLUMN_TYPES))
             if not isinstance(part, ast.Constant)]  # fmt: skip
    if types:
        return _is_naive_type(file, *types[0])
    if cls is None or not re.search(r"\bdatetime\b(?!\.date\b)", annotations):
        return False
    if "Mapped[" in annotations and not any(base.node.bases for base in classes):
        # Assume the usual types for a mixin if the classes of its module have the usual types.
        classes = [base for other in _classes(cls.module)
                   for base in file.project.bases(_class(other))]  # fmt: skip
    return _has_usual_types(file, classes)


def _is_naive_type(file: SourceFile, node: ast.AST, scope: Scope) -> bool:
    arguments = all_arguments(node) if isinstance(node, ast.Call) else []
    has_arguments = any(getattr(item, "value", True) for item in arguments)  # not timezone=False
    kind = file.external_name(getattr(node, "func", node), scope)
    return NAIVE.fullmatch(kind) is not None and not has_arguments


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
    roots = {"DeclarativeBase", *(["SQLModel"] if file.facts.has_naive_sqlmodel else [])}
    return not roots.isdisjoint(names) and names <= BASES


def _parts(file: SourceFile, node: ast.AST, scope: Scope) -> Iterator[ast.AST]:
    """Yield the parts of an expression that may become its value."""
    match node:
        case ast.Call() if last_name(node) in FIELDS:
            named = named_arguments(file, node, scope)
            yield from (named[name] for name in DEFAULTS & named.keys())
        case ast.BoolOp(values=values):
            yield from values
        case ast.IfExp(body=body, orelse=orelse):
            yield from (body, orelse)
        case ast.BinOp(left=left):
            yield left


def _computed_by(file: SourceFile, func: ast.AST, scope: Scope) -> Scope | None:
    """Return the function that a call or a property runs."""
    owner = file.value(func.value, scope) if isinstance(func, ast.Attribute) else None
    members = file.project.member(owner, getattr(func, "attr", ""))
    is_method = bool(members) and members[0].kind == "function"
    return members[0].node if is_method else file.project.function(file.value(func, scope))


def _is_aware(file: SourceFile, node: ast.AST, scope: Scope, depth: int = 8) -> bool:
    """Return whether an expression is a datetime with a time zone, or computes one."""
    if depth == 0 or isinstance(node, ast.Constant):  # or a variable whose value contains it
        return False
    node, scope = file.project.origin(*passed_to_field(file.project, node, scope))
    if any(_is_aware(file, part, scope, depth - 1) for part in _parts(file, node, scope)):
        return True
    if isinstance(node, ast.Call) and last_name(node) == "partial" and node.args:
        node = ast.Call(node.args[0], node.args[1:], node.keywords)
    func = node.func if isinstance(node, ast.Call) else node
    function = _computed_by(file, func, scope)
    places = [(item, function) for item in function.returned] if function else []
    if isinstance(node, ast.Name) and function is None and (owner := scope.find(node.id)):
        bound = [item for item in owner.bindings[node.id] if item.kind not in ("param", "of")]
        is_known = len(bound) > 0 and all(item.kind == "value" for item in bound)
        places = [(item.node, item.scope) for item in bound] if is_known else []
    if places and not (function and function.is_async):
        return all(_is_aware(file, *place, depth - 1) for place in places)
    if not isinstance(node, ast.Call):
        return False
    method = last_name(func)
    zones = argument(node, {"now": 0, "fromtimestamp": 1}.get(method, 9), "tz")
    zones += argument(node, 9, "tzinfo")
    if method == "replace" and not zones and isinstance(func, ast.Attribute):
        return _is_aware(file, func.value, scope, depth - 1)
    is_datetime = file.external_name(func, scope).startswith("datetime.datetime")
    has_zone = any(not isinstance(zone, ast.Constant) for zone in zones)
    has_zone |= method == "strptime" and "%z" in str(getattr(node.args[-1], "value", ""))
    return method == "astimezone" or (has_zone and (is_datetime or method == "replace"))
