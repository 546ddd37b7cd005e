"""The kinds of faults, and the moments at which each of them can come."""

from dataclasses import dataclass
from importlib.util import find_spec

AT_A_SUSPENSION = ("suspended", "ready")
AT_A_MESSAGE = ("before", "after")
MOMENTS = {
    "cancel": AT_A_SUSPENSION,
    "shutdown": AT_A_SUSPENSION,
    "timeout": ("suspended",),  # a loop calls timeouts after the tasks that are ready
    "scope": ("suspended",),  # AnyIO waits for the next suspension of a task that is ready
    "terminate": AT_A_SUSPENSION,
    "reset": AT_A_MESSAGE,
    "fin": AT_A_MESSAGE,
    "down": AT_A_MESSAGE,
    "kill": AT_A_SUSPENSION,
    "stall": AT_A_MESSAGE,
    "partition": AT_A_MESSAGE,
    "cancel+cancel": AT_A_SUSPENSION,
    "cancel+shutdown": AT_A_SUSPENSION,
    "cancel+terminate": ("suspended",),  # when it is answered the backend is gone
}
DESCRIPTIONS = {
    "cancel": "task.cancel() of the caller",
    "shutdown": "cancel of every task, as asyncio.run() does at Ctrl-C",
    "timeout": "asyncio.timeout() expires",
    "scope": "anyio.fail_after() expires: a cancel at each suspension from then on",
    "terminate": "pg_terminate_backend() of its connections",
    "reset": "the network cuts the connection by RST",
    "fin": "the network closes the connection",
    "down": "the network cuts the connection by RST, and each new one until the caller went on",
    "kill": "SIGKILL of the server, which is started again after the caller was released",
    "stall": "the network is silent on this connection, and keeps it open",
    "partition": "the network is silent on all connections, new ones too",
    "cancel+cancel": "a cancel of the caller, and another one while it cleans up",
    "cancel+shutdown": "a cancel of the caller, and one of every task while it cleans up",
    "cancel+terminate": "a cancel of the caller, whose backend ends while it cleans up",
}
KINDS = tuple(MOMENTS)
OF_ANYIO = ("scope",) if find_spec("anyio") else ()  # without AnyIO nobody is in a scope
ANYWHERE = ("cancel", "shutdown", "timeout", *OF_ANYIO, "terminate", "reset", "fin")  # any server
SILENT = ("stall", "partition")
PAIRS = ("cancel+cancel", "cancel+shutdown", "cancel+terminate")
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
    def first(self) -> str:
        """What comes first, of a pair."""
        return self.kind.partition("+")[0]

    @property
    def second(self) -> str:
        """What comes during the clean-up, of a pair; else nothing."""
        return self.kind.partition("+")[2]

    @property
    def silent(self) -> bool:
        """Whether there is no error and no answer: only timeouts end the wait."""
        return self.kind in SILENT

    @property
    def cuts(self) -> bool:
        """Whether it ends connections: the pool may have a dead one afterwards."""
        return bool({self.first, self.second} & {"terminate", "reset", "fin", "down", "kill"})


def faults(kinds: tuple[str, ...] = KINDS) -> tuple[Fault, ...]:
    """The faults of these kinds, at each of their moments."""
    return tuple(Fault(kind, moment) for kind in kinds for moment in MOMENTS[kind])
