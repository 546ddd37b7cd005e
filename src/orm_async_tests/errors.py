"""Defines the error that a user sees when a command cannot do its work."""


class CouldNotRun(Exception):
    """Raised when a command cannot do its work.

    The attribute `problem` says what happened, `where` names the file, the variable or the option,
    and `remedy` says how to continue. The error's message shows `problem`, `where` and `remedy` on
    separate lines. The command prints the error's message on standard error, and exits with 2.
    """

    def __init__(self, problem: str, where: str, remedy: str) -> None:
        super().__init__(f"{problem}\n  where: {where}\n  fix:   {remedy}")
        self.problem = problem
        self.where = where
        self.remedy = remedy
