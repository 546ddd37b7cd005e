"""The rules of the checker. Each module of this package defines one or more rules."""

from importlib import import_module
from pkgutil import iter_modules

from orm_async_tests.lint.rules.rule import Rule

MODULES = [import_module(module.name) for module in iter_modules(__path__, f"{__name__}.")]
NAMES = {name: item for module in MODULES for name, item in vars(module).items()}
RULES: dict[str, type[Rule]] = dict(
    sorted((item.code, item) for item in NAMES.values() if hasattr(item, "code"))
)
