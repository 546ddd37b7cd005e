"""The one error that people see: nothing was proved, and here is what to type."""

COULD_NOT_RUN = 2  # the exit code that goes with it


class CouldNotRun(Exception):
    """A command could not do its work: what happened, where, and what to type next.

    The message is these three parts, one to a line; commands print it and exit with 2.
    """

    def __init__(self, what: str, where: str, remedy: str) -> None:
        super().__init__(f"{what}\n  where: {where}\n  type:  {remedy}")
        self.what = what
        self.where = where
        self.remedy = remedy
