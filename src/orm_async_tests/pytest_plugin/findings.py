"""What a test did wrong, as it is said."""

from dataclasses import dataclass

CONNECTION, TRANSACTION, TASKS = "connection", "transaction", "two-tasks"
ENGINE, LOOP = "engine", "loop"
CURES = {  # kind: what to do, and the scripts that show it
    CONNECTION: "give it back by `async with` (orm-async-tests explain 83, 27)",
    TRANSACTION: "end it by `async with`, commit() or rollback() (orm-async-tests explain 18, 83)",
    TASKS: "a session or a connection for each task (orm-async-tests explain 24, 25, 26, 28)",
    ENGINE: "await engine.dispose() in its loop (orm-async-tests explain 30, 84)",
    LOOP: "dispose the engine in its loop, or use NullPool (orm-async-tests explain 30)",
}


@dataclass(frozen=True)
class Finding:
    """One of the kinds, and what happened, where."""

    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}\n    cure: {CURES[self.kind]}"
