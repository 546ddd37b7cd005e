"""Defines the error that a user sees when a command cannot do its work."""

from collections.abc import Iterator
from contextlib import contextmanager


class CouldNotRun(Exception):
    """Raised when a command cannot do its work.

    The attribute `problem` says what happened. The attribute `where` names the file, variable or
    option that caused the error. The attribute `remedy` says how to continue. The command prints
    the message, and exits with code 2.
    """

    def __init__(self, problem: str, where: str, remedy: str) -> None:
        super().__init__(problem, where, remedy)  # pickle passes these arguments again
        self.problem = problem
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem}\n  where: {self.where}\n  fix:   {self.remedy}"


@contextmanager
def convert_os_errors(problem: str, where: object, remedy: str) -> Iterator[None]:
    """Raise CouldNotRun instead of an OSError in the `with` block."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise CouldNotRun(f"{problem}: {reason}", str(where), remedy) from None
