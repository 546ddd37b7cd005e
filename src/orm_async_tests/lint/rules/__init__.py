"""The rules of the checker, one class to a module.

To add a rule, write its class, add it to RULES, and write tests/lint/eval/CODE.py.
"""

from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.rules.value_computed_at_import import ValueComputedAtImport

RULES: dict[str, type[Rule]] = {rule.code: rule for rule in (ValueComputedAtImport,)}
