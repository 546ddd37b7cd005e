"""The settings of a check: the table [tool.orm-async-tests.lint] and the options."""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.lint.path_patterns import PathPatterns
from orm_async_tests.lint.rules import RULES

FILE, TABLE = "pyproject.toml", "[tool.orm-async-tests.lint]"
DIALECTS = ("postgresql", "sqlite", "mysql", "mariadb", "oracle", "mssql")
ALL = "ALL"
DOTTED_NAME = re.compile(r"[\w.]+(:\w[\w.]*)?")


@dataclass(frozen=True)
class Configuration:
    """The settings of a project. The fields have the names of the keys in the table."""

    root: Path
    """The folder of the project."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    dialect: str = ""
    fastapi: str = ""
    preview: bool = False
    baseline: str = ""

    @property
    def codes(self) -> frozenset[str]:
        """The codes of the rules to run."""
        selected = {
            code
            for code, rule in RULES.items()
            if code in self.select
            or (
                (rule.is_default or self.preview)
                and (not self.select or _matches(code, self.select))
            )
        }
        return frozenset(code for code in selected if not _matches(code, self.ignore))

    def ignored_in(self, path: str) -> tuple[str, ...]:
        """Return the codes and prefixes to ignore in a file; the path is relative to the root."""
        return tuple(
            code
            for pattern, codes in self.per_file_ignores.items()
            if PathPatterns([pattern]).match_file(path)
            for code in codes
        )


def is_ignored(code: str, prefixes: Sequence[str]) -> bool:
    """Return whether a code begins with one of the prefixes."""
    return _matches(code, prefixes)


def _matches(code: str, prefixes: Sequence[str]) -> bool:
    return any(code.startswith(prefix) or prefix == ALL for prefix in prefixes)


def find_root(path: Path) -> Path:
    """Return the folder of the project that a path belongs to.

    The project's folder is the nearest one whose pyproject.toml has a table for this package, else
    the nearest one with a pyproject.toml, else the root of the Git repository, else the folder of
    the path itself. A project does not reach beyond its repository.
    """
    start = path.absolute()
    folders = [*([start] if start.is_dir() else []), *start.parents]
    repository = next((folder for folder in folders if (folder / ".git").exists()), None)
    if repository:
        folders = folders[: folders.index(repository) + 1]
    with_project = [folder for folder in folders if (folder / FILE).is_file()]
    with_table = (folder for folder in with_project if _read_table(folder) is not None)
    return next(with_table, None) or next(iter(with_project), None) or repository or folders[0]


def read_configuration(root: Path) -> Configuration:
    """Return the settings in a project's pyproject.toml. Raise CouldNotRun for wrong settings."""
    table = _read_table(root) or {}
    where = f"{root / FILE}, {TABLE}"
    values = {}
    for key, value in table.items():
        if key not in KEYS:
            near = get_close_matches(str(key), KEYS, 1) or [", ".join(KEYS)]
            raise CouldNotRun(f"there is no setting {key!r}", where, near[0])
        is_valid, example, convert = KEYS[key]
        if not is_valid(value):
            raise CouldNotRun(f"{key} cannot be {value!r}", where, f"{key} = {example}")
        values[key.replace("-", "_")] = convert(value)
    configuration = Configuration(root, **values)
    ignores = configuration.per_file_ignores.values()
    for codes in (configuration.select, configuration.ignore, *ignores):
        require_codes(codes, where)
    return configuration


def with_options(
    configuration: Configuration,
    select: Sequence[str] | None,
    ignore: Sequence[str] | None,
    **others: Any,
) -> Configuration:
    """Return the settings with those of the command line.

    `select` replaces the selected codes, and `ignore` adds to the ignored ones.
    """
    changes: dict[str, Any] = {name: value for name, value in others.items() if value}
    if select is not None:
        changes["select"] = require_codes(_split(select), "--select")
    if ignore is not None:
        changes["ignore"] = configuration.ignore + require_codes(_split(ignore), "--ignore")
    return replace(configuration, **changes)


def _split(options: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for option in options for word in re.split(r"[,\s]+", option) if word)


def require_codes(codes: tuple[str, ...], where: str) -> tuple[str, ...]:
    """Return the codes. Raise CouldNotRun if no rule's code begins like one of them."""
    for code in codes:
        if code != ALL and not (code and any(known.startswith(code) for known in RULES)):
            known = ", ".join(RULES)
            raise CouldNotRun(f"there is no rule {code!r}", where, f"ALL, or some of: {known}")
    return codes


def _read_table(root: Path) -> dict[str, Any] | None:
    """Return the checker's table in a pyproject.toml.

    If the file has only the table of this package, return {}. Without both tables return None.
    """
    path = root / FILE
    try:
        document = tomllib.loads(path.read_text("utf-8"))
        ours = document.get("tool", {}).get("orm-async-tests")
        return None if ours is None else dict(ours.get("lint", {}))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise CouldNotRun(f"the file cannot be read: {error}", str(path), "repair it") from None


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) and text for text in value)


def _is_table(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_texts, value.values()))


def _is_names(value: Any) -> bool:
    return _is_texts(value) and all(map(DOTTED_NAME.fullmatch, value))


def _is_dialect(value: object) -> bool:
    return isinstance(value, str) and value.partition("+")[0] in DIALECTS


def _is_version(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)*", value) is not None


def _to_tuples(value: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {pattern: tuple(codes) for pattern, codes in value.items()}


# For every key: whether a value is valid, an example, and how to convert a valid value.
KEYS: dict[str, tuple[Callable[[Any], bool], str, Callable[[Any], Any]]] = {
    "select": (_is_texts, '["OAT1", "OAT201"]', tuple),
    "ignore": (_is_texts, '["OAT301"]', tuple),
    "per-file-ignores": (_is_table, '{ "scripts/*" = ["OAT201"] }', _to_tuples),
    "exclude": (_is_texts, '["vendored/"]', tuple),
    "sessions": (_is_names, '["app.db:get_session"]', tuple),
    "dialect": (_is_dialect, '"postgresql"', str),
    "fastapi": (_is_version, '"0.118"', str),
    "preview": (lambda value: isinstance(value, bool), "true", bool),
    "baseline": (lambda value: isinstance(value, str) and bool(value), '"lint.json"', str),
}
