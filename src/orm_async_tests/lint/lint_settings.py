"""Reads the settings of the checker from the table [tool.orm-async-tests.lint]."""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.lint.file_search import refuse_path
from orm_async_tests.lint.rules import RULES

FILE, TABLE = "pyproject.toml", "[tool.orm-async-tests.lint]"
ALL = "ALL"


def has_prefix(code: str, prefixes: Iterable[str]) -> bool:
    return any(code.startswith(prefix) or prefix == ALL for prefix in prefixes)


def is_prefix(text: str) -> bool:
    return text != "" and any(has_prefix(code, [text]) for code in RULES)


def require_rules(codes: Iterable[str], where: str) -> None:
    for code in codes:
        if not is_prefix(code):
            remedy = f"ALL, or some of: {', '.join(RULES)}"
            raise CouldNotRun(f"there is no rule {code!r}", where, remedy)


# For every key: an example, which has the key's type, and whether a text in its value is valid.
KEYS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "select": ('["OAT1", "OAT201"]', is_prefix),
    "ignore": ('["OAT301"]', is_prefix),
    "per-file-ignores": ('{ "scripts/*" = ["OAT201"] }', is_prefix),
    "exclude": ('["vendored/"]', bool),
    "sessions": ('["app.db:get_session"]', re.compile(r"[\w.]+(:\w[\w.]*)?").fullmatch),
    "dialect": (
        '"postgresql"',
        re.compile(r"(postgresql|sqlite|mysql|mariadb|oracle|mssql)(\+\w*)?").fullmatch,
    ),
    "fastapi": ('"0.118"', re.compile(r"\d+(\.\d+)*").fullmatch),
    "preview": ("true", bool),
    "baseline": ('"lint.json"', bool),
}


@dataclass(frozen=True)
class Settings:
    """The settings of the checker.

    A key of the table [tool.orm-async-tests.lint] sets the field with the key's name.
    """

    root: Path = Path()
    """The folder of the project."""

    select: Sequence[str] = ()
    ignore: Sequence[str] = ()
    per_file_ignores: Mapping[str, Sequence[str]] = field(default_factory=dict)
    exclude: Sequence[str] = ()
    sessions: Sequence[str] = ()
    dialect: str = ""
    fastapi: str = ""
    preview: bool = False
    baseline: str = ""
    include_tests: bool = False
    warn_unused_ignores: bool = False
    uses_cache: bool = False
    jobs: int = 1
    """The number of processes."""

    texts: Mapping[Path, str] = field(default_factory=dict)
    """Texts to check instead of the files' contents, for example unsaved text in an editor."""

    @property
    def codes(self) -> list[str]:
        select = self.select or [ALL]
        codes = [code for code, rule in RULES.items()
                 if code in select or ((rule.is_default or self.preview)
                                       and has_prefix(code, select))]  # fmt: skip
        return [code for code in codes if not has_prefix(code, self.ignore)]


def find_root(path: Path) -> Path:
    """Return the folder of the project that a path belongs to.

    The first of these folders that exists is the folder of the project:

    - the nearest folder whose pyproject.toml has a table [tool.orm-async-tests]
    - the nearest folder with a pyproject.toml
    - the root of the Git repository
    - the current folder, if it contains `path`, because Python imports modules from there
    - the folder of `path`

    The function does not look above the root of the Git repository.
    """
    start = path.absolute()
    try:
        folders = [*([start] if start.is_dir() else []), *start.parents]
        repository = find_repository(start)
        if repository:
            folders = folders[: folders.index(repository) + 1]
        with_project = [folder for folder in folders if (folder / FILE).is_file()]
    except OSError as error:
        raise refuse_path(error) from None
    with_table = [folder for folder in with_project if _read_table(folder) is not None]
    here = [folder for folder in folders if folder == Path.cwd()]
    return [*with_table, *with_project, *([repository] if repository else [*here, *folders])][0]


def find_repository(path: Path) -> Path | None:
    """Return the root of the Git repository that contains a path."""
    folders = [path.absolute(), *path.absolute().parents]
    return next((folder for folder in folders if (folder / ".git").exists()), None)


def read_settings(root: Path) -> Settings:
    table = _read_table(root) or {}
    where = f"{root / FILE}, {TABLE}"
    for key, value in table.items():
        if key not in KEYS:
            near = get_close_matches(key, KEYS, 1) or [", ".join(KEYS)]
            raise CouldNotRun(f"there is no setting {key!r}", where, near[0])
        example, is_valid = KEYS[key]
        if not _is_like(value, tomllib.loads(f"example = {example}")["example"], is_valid):
            if key in ("select", "ignore") and isinstance(value, list):
                require_rules(map(str, value), where)
            raise CouldNotRun(f"{key} cannot be {value!r}", where, f"{key} = {example}")
    if "baseline" in table:
        table["baseline"] = str(root / table["baseline"])
    return Settings(root, **{key.replace("-", "_"): value for key, value in table.items()})


def _read_table(root: Path) -> dict[str, Any] | None:
    """Return the table [tool.orm-async-tests.lint], or {} if there is none.

    Return None if the parent table [tool.orm-async-tests] is also missing.
    """
    path = root / FILE
    try:
        document = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
        ours = document.get("tool", {}).get("orm-async-tests")
        for key in {*(ours or {})} - {"lint"}:
            problem = f"there is no setting {key!r} in [tool.orm-async-tests]"
            raise CouldNotRun(problem, str(path), f"write the settings into {TABLE}")
        return None if ours is None else dict(ours.get("lint", {}))
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise CouldNotRun(f"the file cannot be read: {error}", str(path), "repair it") from None


def _is_like(value: Any, example: Any, is_valid: Callable[[str], Any]) -> bool:
    """Return whether a value has the type of `example`, and `is_valid` accepts all its strings."""
    match value, example:
        case str(), str():
            return bool(is_valid(value))
        case list(), list():
            return all(_is_like(part, "", is_valid) for part in value)
        case dict(), dict():
            return all(_is_like(part, [], is_valid) for part in value.values())
    return isinstance(value, bool) and isinstance(example, bool)
