"""Finds the values of expressions over the whole project, by following imports."""

import ast
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from orm_async_tests.lint import callers, evaluation
from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.callers import CallIndex
from orm_async_tests.lint.module_paths import ModulePaths
from orm_async_tests.lint.scopes import Binding, Module, Scope, last_name, tail_of
from orm_async_tests.lint.value import Value, union

MAX_DEPTH = 80  # nested evaluations
Load = Callable[[str], Module | None]
Evaluate = Callable[..., Value | None]
Known = dict[Any, Value | None]


class Project:
    """The modules of a project. A module is parsed when another module first needs it."""

    def __init__(
        self, root: Path, load: Load, files: Sequence[Path] = (), sessions: Sequence[str] = ()
    ) -> None:
        self.paths = ModulePaths(root)
        self.sessions = {name.replace(":", ".") for name in sessions}
        self.load = load
        self.calls = CallIndex(files)
        self.unraised: set[str] = set()
        """The exceptions that the project's driver for PostgreSQL does not raise."""

        self._known: Known = {}
        """Values that stay known after their module has left memory."""

        self._open: dict[Any, int] = {}  # the unfinished evaluations, with their depths
        self._cut = 0
        """The lowest depth of an unfinished evaluation that the current value depends on."""

        self._origins: dict[tuple[str, int, str], str | None] = {}
        self._imports: dict[str, set[str]] = defaultdict(set)

    def behind(self, path: str) -> set[str]:
        done, pending = set[str](), [path]
        while pending:
            new = self._imports.get(pending.pop(), set()) - done
            done |= new
            pending += new
        return done

    def find(self, name: str, level: int, path: str) -> str | None:
        key = name, level, path
        if key not in self._origins:
            origin, folders = self.paths.find(name, level, path)
            self._imports[path] |= {origin, *folders} if origin else folders
            self._origins[key] = origin
        return self._origins[key]

    def scope(self, value: Value | None) -> Scope | None:
        if value is None or not value.module or value.kind == "module":
            return None
        module = self.load(value.module)
        return module.scopes.get(value.name) if module else None

    def function(self, value: Value | None) -> Scope | None:
        return self.scope(value) if value and value.kind == "function" else None

    def callee(self, node: ast.AST, scope: Scope) -> Value | None:
        """Return what runs when an expression is called, for example the method __call__ of an
        instance.
        """
        value = self.value(node, scope)
        if value and value.kind == "call" and value.parts:
            value = value.parts[0]
        if value and value.kind == "instance" and value.module:
            return self.attribute(value, "__call__")
        return value

    # Expressions

    def value(self, node: ast.AST, scope: Scope) -> Value | None:
        if isinstance(node, ast.Name):
            return self.named(node.id, scope)
        if isinstance(node, ast.Constant):
            return None
        known: Known = scope.module.values
        if node in known:
            return known[node]
        return self._remember(node, known, evaluation.evaluate, node, scope)

    def _remember(self, key: Any, known: Known, evaluate: Evaluate, *items: Any) -> Value | None:
        if key in known:
            return known[key]
        place, depth = (id(known), key), len(self._open)
        if place in self._open or depth > MAX_DEPTH:
            self._cut = min(self._cut, self._open.get(place, 0))
            return None
        self._open[place] = depth
        outer, self._cut = self._cut, depth
        try:
            value = evaluate(self, *items)
        finally:
            del self._open[place]
        if value is not None or self._cut == depth:
            known[key] = value
        self._cut = min(outer, self._cut)
        return value

    def named(self, name: str, scope: Scope) -> Value | None:
        owner = scope.find(name)
        if owner is None:
            return self._from_stars(name, scope.module) or Value("external", name)
        known: Known = owner.values
        if name in known:
            return known[name]
        return self._remember(name, known, Project._evaluate_bindings, owner, name)

    def _evaluate_bindings(self, owner: Scope, name: str) -> Value | None:
        if self.sessions and owner.is_module and self._is_declared(owner.module.path, name):
            return Value("instance", sa.DECLARED)
        value = union([self.bound(binding, name) for binding in owner.bindings[name][:4]])
        return value or evaluation.declared_result(self, owner, name)

    def _from_stars(self, name: str, module: Module) -> Value | None:
        for origin, level in module.stars:
            value = self._import((origin, level, name), module.path)
            if value and value.kind != "external":
                return value
        return None

    def _is_declared(self, path: str, name: str) -> bool:
        dotted = ".".join(Path(path).with_suffix("").parts).removesuffix(".__init__")
        return any(f"{dotted}.{name}".endswith(f".{declared}") or declared == name
                   for declared in self.sessions)  # fmt: skip

    def bound(self, binding: Binding, name: str) -> Value | None:
        kind, node, scope = binding
        match kind:
            case "value":
                return self.value(node, scope)
            case "of":
                return self.instance_of(node, scope)
            case "enter" | "item":
                return self.unwrap(kind, self.value(node, scope))
            case "param":
                return self._parameter(node, scope, name)
            case "self":
                return self._class_value(node)._replace(kind="instance")
            case "cls" | "class":
                return self._class_value(node)
            case "function":
                return Value("function", node.name, node.module.path)
            case "import":
                return self._import(node, scope.module.path)
            case "part of value" | "part of item" | "part of enter":
                value = self.value(node[0], scope)
                value = self.unwrap(kind[8:], value) if kind != "part of value" else value
                if value and value.parts:
                    return value.parts[node[1]] if node[1] < len(value.parts) else None
                return value.inner if value and value.kind == "item" else None
        return None

    def _parameter(self, node: ast.arg, scope: Scope, name: str) -> Value | None:
        outside, default = scope.parent or scope, scope.defaults.get(name)
        value = self.value(default, outside) if default else None
        if node.annotation and not (value and value.is_session):  # a wrong annotation may hide it
            value = self.instance_of(node.annotation, outside) or value
        return value if node.annotation or default else callers.passed_value(self, scope, name)

    def _import(self, node: tuple[str, int, str | None], path: str) -> Value | None:
        name, level, attr = node
        origin = self.find(name, level, path)
        if attr is None:
            return Value("module", name, origin) if origin else self._external(name)
        if origin and (value := self.exported(origin, attr)):
            return value
        # The parent may be a folder without __init__.py.
        if below := self.find(f"{name}.{attr}" if name else attr, level, path):
            return Value("module", attr, below)
        return None if origin else self._external(f"{name}.{attr}")

    def exported(self, path: str, name: str) -> Value | None:
        return self._remember((path, name), self._known, Project._evaluate_exported, path, name)

    def _evaluate_exported(self, path: str, name: str) -> Value | None:
        module = self.load(path)
        if module is None:  # this Python cannot parse the module
            return Value("class", name) if name in sa.PLAIN_NAMES else None
        is_bound = name in module.scope.bindings or module.stars or self._is_declared(path, name)
        value = self.named(name, module.scope) if is_bound else None
        return None if value == Value("external", name) else value

    def _external(self, dotted: str) -> Value | None:
        if dotted in self.sessions:
            return Value("instance", sa.DECLARED)
        library, _, rest = dotted.partition(".")
        last = rest.rpartition(".")[2]
        if library in sa.LIBRARIES and last in sa.CLASSES:
            return Value("class", sa.CLASSES[last])
        if (library, last) in sa.OTHER_CLASSES:
            return Value("class", sa.OTHER_CLASSES[library, last])
        return Value("external", dotted)

    def origin(self, node: ast.AST, scope: Scope) -> tuple[ast.AST, Scope]:
        """Follow names, attributes and imports to the expression that defines their value."""
        for _ in range(8):
            binding = None
            if isinstance(node, ast.Name):
                binding = self.definition(node.id, scope)
            elif isinstance(node, ast.Attribute):
                owner = self.value(node.value, scope)
                if owner and owner.kind == "module" and (module := self.load(owner.module)):
                    binding = self.definition(node.attr, module.scope)
                elif owner and owner.kind in ("instance", "class"):
                    bindings = [one for one in self.member(owner, node.attr) if one.kind != "of"]
                    binding = bindings[0] if len(bindings) == 1 else None
            if binding is None or binding.kind != "value":
                break
            node, scope = binding.node, binding.scope
        return node, scope

    def candidates(self, node: ast.AST, scope: Scope) -> Iterator[tuple[ast.AST, Scope]]:
        """Yield the possible values of a name, for example all items of a `for` loop.

        For a parameter, yield the arguments that callers pass.
        """
        node, scope = self.origin(node, scope)
        binding = scope.binding(node.id) if isinstance(node, ast.Name) else None
        kind = binding.kind if binding and binding not in self._open else ""
        if binding is None or kind not in ("param", "item", "part of item"):
            yield node, scope
            return
        self._open[binding] = len(self._open)
        if kind == "param":
            for place in callers.passed(self, binding.scope, binding.node.arg):
                yield from self.candidates(*place)
        is_part = kind == "part of item"
        items, scope = self.origin(binding.node[0] if is_part else binding.node, binding.scope)
        if isinstance(items, ast.Call) and last_name(items) in ("items", "values"):
            items, scope = self.origin(getattr(items.func, "value", items), scope)
        for item in getattr(items, "values", getattr(items, "elts", ())):
            parts: list[ast.expr] = getattr(item, "elts", [])
            is_pair = is_part and binding.node[1] < len(parts)
            yield from self.candidates(parts[binding.node[1]] if is_pair else item, scope)
        del self._open[binding]

    def definition(self, name: str, scope: Scope, depth: int = 8) -> Binding | None:
        binding = scope.binding(name)
        if depth <= 0 or (binding and (binding.kind != "import" or not binding.node[2])):
            return binding
        stars = [] if scope.find(name) else scope.module.stars
        step = 4 if stars else 1  # because a module may have many star imports
        imports = [binding.node] if binding else [(*star, name) for star in stars]
        for origin, level, attr in imports:
            path = self.find(origin, level, scope.module.path)
            module = self.load(path) if path else None
            definition = self.definition(attr, module.scope, depth - step) if module else None
            if definition:
                return definition
        return None

    # Classes and attributes

    def _class_value(self, scope: Scope) -> Value:
        """Describe a class of the project. A subclass of AsyncSession counts as AsyncSession."""
        project = Value("class", scope.name, scope.module.path)
        known: Known = scope.module.values
        value = self._remember((scope, "class"), known, Project._known_base, scope, project)
        return value or project

    def _known_base(self, scope: Scope, project: Value) -> Value:
        for base in self.base_values(scope):
            if base and base.kind == "class" and not base.module:
                return base._replace(inner=project)
        return project

    def base_values(self, cls: Scope) -> list[Value | None]:
        return [self.value(node, cls.parent or cls) for node in cls.node.bases]

    def bases(self, value: Value) -> Iterator[Scope]:
        pending = [value if value.module else value.inner]
        done = set[Scope]()
        while pending:
            scope = self.scope(pending.pop(0))
            if scope is None or scope in done or not isinstance(scope.node, ast.ClassDef):
                continue
            done.add(scope)
            yield scope
            protocols = [self.value(node, scope.parent or scope) for node in scope.self_types]
            values = [*self.base_values(scope), *protocols]
            bases = [base for base in values if base and base.kind == "class"]
            pending += [base if base.module else base.inner for base in bases]

    def member(self, value: Value | None, name: str) -> list[Binding]:
        classes = self.bases(value) if value else ()
        return next((cls.bindings[name] for cls in classes if name in cls.bindings), [])

    def attribute(self, value: Value | None, name: str) -> Value | None:
        match value:
            case Value(kind="external", name=owner):
                return self._external(f"{owner}.{name}")
            case Value(kind="module"):
                is_package = Path(value.module).name == "__init__.py"
                place = value.module
                return (
                    self._import(("", 1, name), place) if is_package else self.exported(place, name)
                )
            case Value(kind="instance" | "class"):
                key = (value, name)
                return self._remember(key, self._known, Project._evaluate_member, value, name)
            case Value(kind="item", inner=inner) if name in sa.TAKING:
                return Value("call", inner=inner)
            case Value(kind="context", inner=inner) if name == "context":
                return inner
        return None

    def _evaluate_member(self, value: Value, name: str) -> Value | None:
        cls = next((cls for cls in self.bases(value) if name in cls.bindings), None)
        if cls is None:
            return None if value.module else Value("method", name, inner=value)
        if self.sessions and self._is_declared(cls.module.path, f"{cls.name}.{name}"):
            return Value("instance", sa.DECLARED)
        kind, node, _ = cls.bindings[name][0]
        if kind != "function":
            return self.named(name, cls)
        method = Value("function", node.name, cls.module.path, value)
        is_property = node.decorators & {"property", "cached_property"}
        return self.result(method) if is_property else method

    def stored(self, node: ast.expr, scope: Scope) -> Value | None:
        tail = tail_of(scope.path(node))
        bindings = scope.module.stored.get(tail, ()) if tail else ()
        return union([self.bound(binding, tail) for binding in bindings[:4]])

    def result(self, value: Value) -> Value | None:
        return self._remember((value,), self._known, Project._evaluate_result, value)

    def _evaluate_result(self, value: Value) -> Value | None:
        function = self.function(value)
        return evaluation.evaluate_result(self, function) if function else None

    def unwrap(self, kind: str, value: Value | None) -> Value | None:
        """Return what an object produces for `await`, `with` or `for`, depending on `kind`."""
        if value is None or value.kind == kind:
            return value and value.inner
        if value.is_a(sa.CONNECTING):
            return Value("instance", sa.CONNECTION)
        if value.is_a(sa.SESSION, sa.CONNECTION, sa.DECLARED, sa.TRANSACTION) and kind != "item":
            return Value("instance", sa.SESSION) if value.is_a(sa.DECLARED) else value
        if kind == "enter" and value.is_a("HTTP client", "executor", "exit stack"):
            return value
        if value.kind == "instance" and value.module:
            for name in sa.PROTOCOLS[kind]:
                method = self.attribute(value, name)
                if method and method.kind == "function":
                    result = self.result(method)
                    return result.inner if result and result.kind in ("await", "item") else result
        return None

    def instance_of(self, annotation: ast.AST, scope: Scope) -> Value | None:
        known, key = scope.module.values, (annotation, "instance")
        return self._remember(key, known, evaluation.evaluate_annotation, annotation, scope)
