"""The rules of the checker. Each module of this package defines one or more rules."""

from importlib import import_module
from pkgutil import iter_modules

from orm_async_tests.lint.rules.rule import Rule

MODULES = [import_module(module.name) for module in iter_modules(__path__, f"{__name__}.")]
RULES: dict[str, type[Rule]] = {
    rule.code: rule
    for rule in sorted(
        {item for module in MODULES for item in vars(module).values() if hasattr(item, "code")},
        key=lambda rule: rule.code,
    )
}
