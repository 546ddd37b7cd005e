"""Says how to install an extra of this project, for example `scripts`."""

import re
from pathlib import Path

from orm_async_tests.errors import CouldNotRun

DISTRIBUTION = "orm-async-tests"
SCRIPTS = "scripts"  # the extra that installs the packages of the scripts


def install_extra(extra: str) -> str:
    """Return the command that installs an extra with Poetry or pip."""
    if (Path(__file__).parents[2] / "poetry.lock").exists():
        return "poetry install --all-extras"
    # The other extras need the packages of `scripts`.
    return f'pip install "{DISTRIBUTION}[{",".join(dict.fromkeys([SCRIPTS, extra]))}]"'


def name_missing_package(error: ImportError) -> CouldNotRun:
    """Return an error that says how to install the missing or outdated package.

    If the package belongs to no extra of this project, raise `error` again.
    """
    from importlib.metadata import requires  # takes a third of the time of a short command

    package = (error.name or "").partition(".")[0]
    for text in requires(DISTRIBUTION) or []:
        extra = re.search(r'extra == "(\w+)"', text)
        if extra and re.split(r"[^\w-]", text)[0].replace("-", "_") == package:
            is_missing = isinstance(error, ModuleNotFoundError)
            state = "is not installed" if is_missing else f"has an unsupported version: {error}"
            problem = f"the package {package} {state}"
            return CouldNotRun(problem, "this Python", install_extra(extra[1]))
    raise error
