"""The kinds of faults, and the moments at which each of them can come."""

from dataclasses import dataclass

AT_A_SUSPENSION = ("suspended", "ready")
AT_A_MESSAGE = ("before", "after")
MOMENTS = {
    "cancel": AT_A_SUSPENSION,
    "shutdown": AT_A_SUSPENSION,
    "timeout": ("suspended",),  # a loop calls timeouts after the tasks that are ready
    "terminate": AT_A_SUSPENSION,
    "reset": AT_A_MESSAGE,
    "fin": AT_A_MESSAGE,
    "kill": AT_A_SUSPENSION,
}
DESCRIPTIONS = {
    "cancel": "task.cancel() of the caller",
    "shutdown": "cancel of every task, as asyncio.run() does at Ctrl-C",
    "timeout": "asyncio.timeout() expires",
    "terminate": "pg_terminate_backend() of its connections",
    "reset": "the network cuts the connection by RST",
    "fin": "the network closes the connection",
    "kill": "SIGKILL of the server, which is started again after the caller was released",
}
KINDS = tuple(MOMENTS)
ANYWHERE = ("cancel", "shutdown", "timeout", "terminate", "reset", "fin")  # on any server
USUAL = (*ANYWHERE, "kill")


@dataclass(frozen=True)
class Fault:
    """A kind of fault at a moment, such as cancel-ready or reset-before."""

    kind: str
    moment: str

    def __str__(self) -> str:
        return f"{self.kind}-{self.moment}"

    @property
    def by_message(self) -> bool:
        """Whether its points are messages of the client, and not suspensions of a task."""
        return self.moment in AT_A_MESSAGE

    @property
    def cuts(self) -> bool:
        """Whether it ends connections: the pool may have a dead one afterwards."""
        return self.by_message or self.kind in ("terminate", "kill")


def faults(kinds: tuple[str, ...] = KINDS) -> tuple[Fault, ...]:
    """The faults of these kinds, at each of their moments."""
    return tuple(Fault(kind, moment) for kind in kinds for moment in MOMENTS[kind])
