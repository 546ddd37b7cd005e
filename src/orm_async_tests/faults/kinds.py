"""The kinds of faults, and the moments at which each kind can be injected."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

AT_A_SUSPENSION = ("suspended", "ready")
AT_A_MESSAGE = ("before", "after")
MOMENTS = {
    "cancel": AT_A_SUSPENSION,
    "shutdown": AT_A_SUSPENSION,
    "timeout": ("suspended",),  # an event loop calls timeouts after the tasks that are ready
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
    "cancel+terminate": ("suspended",),  # once the answer has arrived, the backend is gone
}
KINDS = tuple(MOMENTS)
OF_ANYIO = ("scope",) if find_spec("anyio") else ()
ANYWHERE = ("cancel", "shutdown", "timeout", *OF_ANYIO, "terminate", "reset", "fin")  # any server
SILENT = ("stall", "partition")
PAIRS = ("cancel+cancel", "cancel+shutdown", "cancel+terminate")
USUAL = (*ANYWHERE, "kill")


@dataclass(frozen=True)
class Fault:
    """A kind of fault at a moment, for example cancel-ready or reset-before."""

    kind: str
    moment: str

    def __str__(self) -> str:
        return f"{self.kind}-{self.moment}"

    @property
    def is_at_message(self) -> bool:
        """Return whether its points are messages of the client, and not suspensions of a task."""
        return self.moment in AT_A_MESSAGE

    @property
    def first_kind(self) -> str:
        """Return the kind of the only fault, or of the first one of a pair."""
        return self.kind.partition("+")[0]

    @property
    def second_kind(self) -> str:
        """Return the kind of a pair's second fault, or an empty string."""
        return self.kind.partition("+")[2]

    @property
    def is_silent(self) -> bool:
        """Return whether nothing arrives after the fault, so that only a timeout ends the wait."""
        return self.kind in SILENT

    @property
    def ends_connections(self) -> bool:
        """Return whether the pool may hold a dead connection after the fault."""
        endings = {"terminate", "reset", "fin", "down", "kill"}
        return bool({self.first_kind, self.second_kind} & endings)


def list_faults(kinds: Sequence[str] = KINDS) -> tuple[Fault, ...]:
    """Return the faults of these kinds at all their moments."""
    return tuple(Fault(kind, moment) for kind in kinds for moment in MOMENTS[kind])
