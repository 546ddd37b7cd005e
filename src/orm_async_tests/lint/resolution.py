"""Resolves terms to values over the whole project, by following imports."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.module_paths import ModulePaths
from orm_async_tests.lint.module_summary import ClassSummary, FunctionSummary, ModuleSummary
from orm_async_tests.lint.terms import UNKNOWN, Term
from orm_async_tests.lint.value import Value, union

GENERATORS = {"AsyncGenerator", "AsyncIterator", "AsyncIterable", "Generator", "Iterator",
              "Iterable", "list", "List", "tuple", "Sequence", "set"}  # fmt: skip
MANAGERS = {"AbstractAsyncContextManager", "AsyncContextManager", "AbstractContextManager",
            "ContextManager", "_AsyncGeneratorContextManager"}  # fmt: skip
AWAITABLES = {"Awaitable", "Coroutine", "Task", "Future"}
TRANSPARENT = {"Optional", "Annotated", "Mapped", "ClassVar", "Final", "Required", "NotRequired",
               "InitVar", "FromDishka", "Inject", "Provide", "NamedDependency"}  # fmt: skip


Load = Callable[[str], ModuleSummary | None]


class Project:
    """The modules of a project. Each module of the project is loaded when an import leads to it."""

    def __init__(self, root: Path, load: Load, sessions: tuple[str, ...] = ()) -> None:
        self.paths = ModulePaths(root)
        self.sessions = {name.replace(":", ".") for name in sessions}
        self._load = load
        self._values: dict[str, dict[Term, tuple[Value | None, frozenset[str]]]] = {}
        self._reads: dict[frozenset[str], frozenset[str]] = {}  # equal sets are kept once
        self._open: set[tuple[Term, str]] = set()
        self.read: set[str] = set()
        """The paths of the modules that were consulted since this set was last cleared."""

    def module(self, path: str) -> ModuleSummary | None:
        """Return the summary of a module of the project."""
        self.read.add(path)
        return self._load(path)

    def function(self, value: Value | None) -> FunctionSummary | None:
        """Return the summary of a function of the project."""
        if value is None or value.kind != "function":
            return None
        module = self.module(value.module)
        return module.functions.get(value.name) if module else None

    def evaluate(self, term: Term, path: str) -> Value | None:
        """Return the value of a term in a module, or None if the value is unknown."""
        key = (term, path)
        values = self._values.setdefault(path, {})
        if term in values:
            value, read = values[term]
            self.read |= read
            return value
        if key in self._open or len(self._open) > 60:
            return None
        self._open.add(key)
        outer, self.read = self.read, set()
        try:
            value = self._evaluate(term, path)
        finally:
            self._open.discard(key)
            inner, self.read = self.read, outer | self.read
        if value is not None or not self._open:
            read = frozenset(inner)
            values[term] = value, self._reads.setdefault(read, read)
        return value

    def forget(self, path: str) -> None:
        """Drop the stored values of a module. After the values of a module have been dropped, other
        modules evaluate again what they need of this module.
        """
        self._values.pop(path, None)

    def _evaluate(self, term: Term, path: str) -> Value | None:
        match term:
            case ("global", str(name)):
                return self._global(name, path)
            case ("attr", base, str(name)):
                return self.attribute(self.evaluate(base, path), name)
            case ("call", callee, args, keywords):
                return self._call(self.evaluate(callee, path), args, dict(keywords), path)
            case ("of", annotation):
                return self.instance_of(annotation, path)
            case ("param", _, annotation, default):
                value = self.instance_of(annotation, path) if annotation else None
                return value or (self.evaluate(default, path) if default else None)
            case ("self", str(cls)):
                value = self._class_value(cls, path)
                return replace(value, kind="instance")
            case ("cls" | "class", str(cls)):
                return self._class_value(cls, path)
            case ("function", str(name)):
                return Value("function", name, path)
            case ("import", (str(name), int(level), attr)):
                return self._import(name, level, attr, path)
            case ("await" | "enter" | "item" as kind, inner):
                return self._unwrap(kind, self.evaluate(inner, path))
            case ("or", *terms):
                return union([self.evaluate(part, path) for part in terms])
            case ("lambda", body):
                return Value("call", inner=self.evaluate(body, path))
            case ("sub", base, parts):
                return self._subscript(base, parts, path)
        return None

    def _global(self, name: str, path: str) -> Value | None:
        module = self.module(path)
        if module is None:
            return None
        if self._is_declared(path, name):
            return Value("instance", sa.DECLARED)
        if name in module.names:
            return union([self.evaluate(term, path) for term in module.names[name]])
        for origin, level in module.stars:
            value = self._import(origin, level, name, path)
            if value and not (value.kind == "external" and value.name not in sa.LIBRARIES):
                return value
        return Value("external", name)

    def _is_declared(self, path: str, name: str) -> bool:
        if not self.sessions:
            return False
        dotted = ".".join(Path(path).with_suffix("").parts).removesuffix(".__init__")
        return any(f"{dotted}.{name}".endswith(f".{declared}") or declared == name
                   for declared in self.sessions)  # fmt: skip

    def definitions(self, name: str, path: str) -> Iterator[tuple[str, Term]]:
        """Follow imports, and yield the module and the term of each binding of a global name."""
        module = self.module(path)
        for term in module.names.get(name, []) if module else []:
            if term[0] == "import" and term[1][2]:
                origin = self.paths.find(term[1][0], term[1][1], path)
                if origin and origin != path:
                    yield from self.definitions(term[1][2], origin)
            else:
                yield path, term

    def _import(self, name: str, level: int, attr: str | None, path: str) -> Value | None:
        origin = self.paths.find(name, level, path)
        if origin is None:
            dotted = f"{name}.{attr}" if attr else name
            return self._external(dotted)
        if attr is None:
            return Value("module", name, origin)
        module = self.module(origin)
        if module is None and attr in sa.PLAIN_NAMES:
            return Value("class", attr)  # this Python cannot parse the module
        if module and (attr in module.names or module.stars or self._is_declared(origin, attr)):
            value = self._global(attr, origin)
            if value and value != Value("external", attr):
                return value
        below = self.paths.find(f"{name}.{attr}" if name else attr, level, path)
        return Value("module", attr, below) if below else None

    def _external(self, dotted: str) -> Value | None:
        if dotted in self.sessions:
            return Value("instance", sa.DECLARED)
        library, _, rest = dotted.partition(".")
        last = rest.rpartition(".")[2]
        if library in sa.LIBRARIES and last in sa.CLASSES:
            return Value("class", sa.CLASSES[last])
        if (library, last) in sa.OTHER_CLASSES:
            return Value("class", last)
        return Value("external", dotted)

    def _class_value(self, name: str, path: str) -> Value:
        """Return a class of the project. A subclass of a SQLAlchemy class counts as this SQLAlchemy
        class.
        """
        module = self.module(path)
        summary = module.classes.get(name) if module else None
        for base in summary.bases if summary else ():
            if base[0] == "sub":
                base = base[1]
            value = self.evaluate(base, path)
            if value and value.kind == "class" and not value.module:
                return replace(value, inner=Value("class", name, path))
        return Value("class", name, path)

    def bases(self, value: Value) -> Iterator[tuple[ClassSummary, str, str]]:
        """Yield the summary, the name and the module of a class and of each of its bases inside the
        project.
        """
        start = value if value.module else value.inner or value
        pending = [(start.name, start.module)] if start.module else []
        done = set[tuple[str, str]]()
        while pending and len(done) < 20:
            name, path = pending.pop(0)
            if (name, path) in done:
                continue
            done.add((name, path))
            module = self.module(path)
            summary = module.classes.get(name) if module else None
            if summary is None:
                continue
            yield summary, name, path
            for base in summary.bases:
                origin = self.evaluate(base[1] if base[0] == "sub" else base, path)
                if origin and origin.kind == "class" and origin.module:
                    pending.append((origin.name, origin.module))

    def attribute(self, value: Value | None, name: str) -> Value | None:
        """Return the value of an attribute of a value."""
        if value is None:
            return None
        if value.kind == "module":
            return self._module_attribute(value, name)
        if value.kind == "external":
            return self._external(f"{value.name}.{name}")
        if value.kind not in ("instance", "class"):
            return None
        for summary, cls, path in self.bases(value):
            if name in summary.attributes:
                return self._member(summary.attributes[name], name, cls, path, value)
        return None if value.module else Value("method", name, inner=value)

    def _module_attribute(self, value: Value, name: str) -> Value | None:
        module = self.module(value.module)
        if module and (name in module.names or module.stars):
            return self._global(name, value.module)
        below = self.paths.find(name, 1, value.module)
        is_package = Path(value.module).name == "__init__.py"
        return Value("module", name, below) if below and is_package else None

    def _member(
        self, terms: list[Term], name: str, cls: str, path: str, value: Value
    ) -> Value | None:
        if terms[0][0] == "function":
            method = Value("function", f"{cls}.{name}", path, value)
            summary = self.function(method)
            names = {_last(item) for item in summary.decorators} if summary else set()
            if names & {"property", "cached_property"}:
                return self.result(method)
            return method
        return union([self.evaluate(term, path) for term in terms])

    def result(self, value: Value) -> Value | None:
        """Return the value that a call of a function of the project returns."""
        function = self.function(value)
        if function is None:
            return None
        names = {_last(item) for item in function.decorators}
        returned = None
        if function.annotation:
            returned = self.instance_of(function.annotation, value.module)
            if _last(function.annotation) == "Self" and value.inner:
                returned = Value("instance", value.inner.name, value.inner.module)
            if function.is_generator and returned and returned.kind == "item":
                returned = returned.inner
        if returned is None:
            returned = union([self.evaluate(term, value.module) for term in function.returned])
        if returned is None:
            return None
        if names & {"asynccontextmanager", "contextmanager"}:
            return Value("enter", inner=returned)
        if function.is_generator:
            return Value("item", inner=returned)
        return Value("await", inner=returned) if function.is_async else returned

    def _call(
        self, callee: Value | None, args: tuple[Term, ...], keywords: dict[str, Term], path: str
    ) -> Value | None:
        match callee:
            case Value(kind="class"):
                return self._construct(callee, args, keywords, path)
            case Value(kind="function"):
                return self.result(callee)
            case Value(kind="call"):
                return callee.inner
            case Value(kind="method", inner=Value() as owner):
                return self._call_method(owner, callee.name)
            case Value(kind="instance", name=sa.FACTORY | sa.SCOPED, module=""):
                return Value("instance", sa.SESSION, inner=callee.inner)
            case Value(kind="instance", name=sa.DECLARED, module=""):
                return callee
            case Value(kind="instance", module=module) if module:
                method = self.attribute(callee, "__call__")
                return self.result(method) if method else None
            case Value(kind="external", name=name):
                return self._call_external(name, args, keywords, path)
        return None

    def _construct(
        self, cls: Value, args: tuple[Term, ...], keywords: dict[str, Term], path: str
    ) -> Value | None:
        if not cls.module and cls.name in ("sessionmaker", sa.FACTORY):
            for term in (*args, *keywords.values()):
                value = self.evaluate(term, path)
                if value and value.kind == "class" and value.name == sa.SESSION:
                    return Value("instance", sa.FACTORY, inner=value.inner)
        return replace(cls, kind="instance")

    def _call_method(self, owner: Value, name: str) -> Value | None:
        base = sa.SESSION if owner.name in (sa.SCOPED, sa.DECLARED) else owner.name
        if owner.kind != "instance":
            return None
        wrapper, cls = sa.METHODS.get((base, name), ("", ""))
        if wrapper:
            value = Value("instance", cls)
            return value if wrapper == "instance" else Value(wrapper, inner=value)
        if name in sa.COROUTINES.get(owner.name, ()):
            return Value("await", "coroutine")
        return None

    def _call_external(
        self, name: str, args: tuple[Term, ...], keywords: dict[str, Term], path: str
    ) -> Value | None:
        library, last = name.partition(".")[0], name.rpartition(".")[2]
        if library in sa.LIBRARIES and last in sa.FUNCTIONS:
            return Value(sa.FUNCTIONS[last][0], sa.FUNCTIONS[last][1])
        inner = args[0] if args else keywords.get("dependency", UNKNOWN)
        if last in ("Depends", "Security"):
            value = self._call(self.evaluate(inner, path), (), {}, path)
            while value and value.kind in ("item", "await", "enter"):
                value = value.inner
            return value
        if last in ("aclosing", "closing", "shield", "enter_async_context", "wait_for"):
            return self.evaluate(inner, path) if last != "aclosing" else Value(
                "enter", inner=self.evaluate(inner, path))  # fmt: skip
        if last in ("anext", "next"):
            value = self.evaluate(inner, path)
            unwrapped = self._unwrap("item", value)
            return Value("await", inner=unwrapped) if last == "anext" else unwrapped
        if last == "cast" and len(args) > 1:
            return self.instance_of(args[0], path)
        if last in ("asynccontextmanager", "contextmanager"):
            value = self._call(self.evaluate(inner, path), (), {}, path)
            if value and value.kind == "item":
                return Value("call", inner=Value("enter", inner=value.inner))
        if last == "partial":
            return Value("call", inner=self._call(self.evaluate(inner, path), (), {}, path))
        return None

    def _unwrap(self, kind: str, value: Value | None) -> Value | None:
        if value is None:
            return None
        if value.kind == kind:
            return value.inner
        if value.is_a(sa.CONNECTING):
            return Value("instance", sa.CONNECTION)
        if value.is_a(sa.SESSION, sa.CONNECTION, sa.DECLARED, sa.TRANSACTION) and kind != "item":
            return Value("instance", sa.SESSION) if value.is_a(sa.DECLARED) else value
        if value.kind == "instance" and value.module:
            names = {"enter": ("__aenter__", "__enter__"), "item": ("__aiter__",),
                     "await": ("__await__",)}[kind]  # fmt: skip
            for name in names:
                method = self.attribute(value, name)
                if method and method.kind == "function":
                    result = self.result(method)
                    return result.inner if result and result.kind in ("await", "item") else result
        return None

    def instance_of(self, annotation: Term, path: str) -> Value | None:
        """Return the value of a name that has this annotation."""
        match annotation:
            case ("or", *terms):
                return union([self.instance_of(part, path) for part in terms])
            case ("str", str(text)) if text.isidentifier():
                return self.instance_of(("global", text), path)
            case ("sub", base, parts):
                return self._generic(base, parts, path)
        value = self.evaluate(annotation, path)
        if value and value.kind == "class":
            return replace(value, kind="instance")
        if value and value.kind == "external":
            return None
        return value if value and value.kind != "function" else None

    def _generic(self, base: Term, parts: tuple[Term, ...], path: str) -> Value | None:
        origin = self.evaluate(base, path)
        if origin and origin.kind == "class":
            return replace(origin, kind="instance")
        name = origin.name.rpartition(".")[2] if origin else _last(base)
        if not parts:
            return None
        inner = self.instance_of(parts[-1 if name in ("Callable", "Coroutine") else 0], path)
        if name == "Annotated" and inner is None and len(parts) > 1:
            return self.evaluate(parts[1], path)
        if inner is None or name in TRANSPARENT:
            return inner
        if name == "Union":
            return union([self.instance_of(part, path) for part in parts])
        if name in ("type", "Type"):
            return replace(inner, kind="class")
        kinds = {**dict.fromkeys(GENERATORS, "item"), **dict.fromkeys(MANAGERS, "enter"),
                 **dict.fromkeys(AWAITABLES, "await"), "Callable": "call"}  # fmt: skip
        return Value(kinds[name], inner=inner) if name in kinds else None

    def _subscript(self, base: Term, parts: tuple[Term, ...], path: str) -> Value | None:
        origin = self.evaluate(base, path)
        if origin and origin.kind == "class":
            return origin
        if origin and origin.kind == "item":
            return origin.inner
        return self._generic(base, parts, path)


def _last(term: Term) -> str:
    """Return the last name in the dotted path of a decorator or an annotation."""
    match term:
        case ("call" | "sub", inner, *_):
            return _last(inner)
        case ("attr", _, str(name)) | ("global", str(name)):
            return name
    return ""
