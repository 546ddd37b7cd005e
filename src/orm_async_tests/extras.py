"""Says how to install an extra of this project, for example `scripts`."""

import re
from pathlib import Path

from orm_async_tests.errors import CouldNotRun

DISTRIBUTION = "orm-async-tests"
BROUGHT_BY = {"pydantic": "fastapi", "opentelemetry": "opentelemetry_sdk"}  # by imported name
SCRIPTS = "scripts"  # the extra that installs the packages of the scripts


def install_extra(extra: str) -> str:
    """Return the command that installs an extra with Poetry or pip."""
    if (Path(__file__).parents[2] / "poetry.lock").exists():
        return "poetry install --all-extras"
    # The other extras need the packages of `scripts`.
    return f'pip install "{DISTRIBUTION}[{",".join(dict.fromkeys([SCRIPTS, extra]))}]"'


def find_extras(package: str) -> list[str]:
    """Return the extras that install a package, in alphabetical order."""
    from importlib.metadata import requires  # takes a third of the time of a short command

    package, extras = BROUGHT_BY.get(package, package), []
    for text in requires(DISTRIBUTION) or []:
        extra = re.search(r'extra == "(\w+)"', text)
        if extra and re.split(r"[^\w-]", text)[0].replace("-", "_") == package:
            extras.append(extra[1])
    return extras


def explain_error(error: CouldNotRun | ImportError | SyntaxError) -> CouldNotRun:
    """Return an error with a remedy, for example for a missing or outdated package.

    If an imported package belongs to no extra of this project, raise `error` again.
    """
    if isinstance(error, CouldNotRun):
        return error
    if isinstance(error, SyntaxError):
        place = f"{error.filename}, line {error.lineno}"
        problem = f"Python cannot read the file: {error.msg}"
        return CouldNotRun(problem, place, "correct this line, and repeat the command")
    package = (error.name or "").partition(".")[0]
    extras = find_extras(package)
    if not extras:
        raise error
    is_missing = isinstance(error, ModuleNotFoundError)
    state = "is not installed" if is_missing else f"has an unsupported version: {error}"
    return CouldNotRun(f"the package {package} {state}", "this Python", install_extra(extras[0]))
