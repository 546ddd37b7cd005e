"""Converts JSON values of any form into the form that a reader needs.

A form is a type, a list with the form of its items, or an object with the form of each field. A
tuple with one form means that the value may be null or missing.
"""

from collections import Counter
from typing import Any

MISSING = object()


def clean(value: Any, form: Any, where: str, problems: Counter[str]) -> Any:
    """Copy a JSON value into the form `form`, and count problems.

    Empty values replace missing values and values of the wrong type. List items of the wrong type
    are dropped. Fields that are not in `form` are dropped, but not counted as problems.
    """
    if isinstance(form, tuple):
        return None if value in (None, MISSING) else clean(value, form[0], where, problems)
    kind = form if isinstance(form, type) else type(form)
    if type(value) not in ((float, int) if kind is float else (kind,)):
        difference = "is missing" if value is MISSING else "has an unexpected form"
        problems[f"{where} {difference}"] += 1
        value = kind()
    if isinstance(form, list):
        kind = form[0] if isinstance(form[0], type) else type(form[0])
        fitting = [item for item in value if type(item) is kind]
        if dropped := len(value) - len(fitting):
            problems[f"{where} has items of an unexpected form"] += dropped
        return [clean(item, form[0], where, problems) for item in fitting]
    if isinstance(form, dict):
        return {
            name: clean(value.get(name, MISSING), inner, f"{where}: {name}", problems)
            for name, inner in form.items()
        }
    return value
