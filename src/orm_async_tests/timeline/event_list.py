"""Defines the events of a run, and converts them to JSON and back."""

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "task",  # from its creation to its end; the text is its name
    "pool",  # the task waits for a connection from the pool
    "connect",  # a new connection is opened
    "checkout",  # the task has the connection, until it returns it to the pool
    "busy",  # the task waits for another task's statement on the same connection
    "statement",  # from its first message to the server's answer
    "commit",
    "rollback",
    "lock",  # the server says that another backend blocks the statement
    "error",  # an error ended the variant
    "cancel",  # the task was cancelled
    "http",  # an application answered a request, or learned that its client had disconnected
]
SENT: tuple[Kind, ...] = ("statement", "commit", "rollback")
KEYS = {  # the JSON keys of an event, which omits values that are 0 or empty
    "kind": "k",
    "start": "t",
    "duration": "d",
    "task": "n",
    "connection": "c",
    "pid": "p",
    "line": "l",
    "text": "s",
    "error": "e",
    "message": "m",
    "round_trips": "r",
    "begins": "b",
    "holders": "h",
    "unsent": "u",
}
MAX_EVENTS = 1000  # events of one variant in JSON
MAX_CHARACTERS = 1000  # characters of a statement that is not in the log


@dataclass(slots=True, eq=False)
class Event:
    """Something that a task did or waited for, for example a statement."""

    kind: Kind
    start: int  # microseconds since the recording began
    duration: int = 0  # microseconds
    task: int = 0  # counted from 1; 0 outside any task
    connection: int = 0  # counted from 1 in the order of their first use; 0 for none
    pid: int = 0  # of the backend; 0 if unknown
    line: int = 0  # of the user's code; 0 if none was running
    text: str = ""  # a statement, or the name of a task
    error: str = ""  # the class of an error, and its codes
    message: str = ""  # of the error
    round_trips: int = 0
    begins: bool = False  # the statement was sent together with BEGIN
    holders: tuple[int, ...] = ()  # connections that block a lock, or the task that is busy
    unsent: bool = False  # an error ended the statement before a message left the client
    path: str = ""  # of the line's file, where several are recorded

    @property
    def end(self) -> int:
        return self.start + self.duration

    @property
    def is_sent(self) -> bool:
        """Whether the client has sent this event (a statement, COMMIT or ROLLBACK)."""
        return self.kind in SENT and not self.unsent


def to_json(events: list[Event], log: list[str]) -> list[dict[str, Any]]:
    """Return the first MAX_EVENTS events of a run as JSON.

    To save space, the JSON refers to the texts in `log` by their index.
    """
    indexes = {text: number for number, text in reversed([*enumerate(log)])}
    documents = []
    for event in events[:MAX_EVENTS]:
        values = ((key, getattr(event, name)) for name, key in KEYS.items())
        document = {key: value for key, value in values if value or key in "kt"}
        if event.kind != "task" and event.text:
            document["s"] = indexes.get(event.text, event.text[:MAX_CHARACTERS])
        documents.append(document)
    return documents


def from_json(documents: list[dict[str, Any]], log: list[str]) -> list[Event]:
    names = {key: name for name, key in KEYS.items()}
    events = []
    for document in documents:
        values = {names[key]: value for key, value in document.items()}
        if isinstance(text := values.get("text"), int):
            values["text"] = log[text]
        events.append(Event(**{**values, "holders": tuple(values.get("holders", ()))}))
    return events


def group_by_line(events: list[Event]) -> list[dict[str, Any]]:
    lines: dict[int, dict[str, Any]] = {}
    for event in sorted(events, key=lambda event: event.line):
        sends = event.is_sent
        if event.kind != "task" and (sends or event.error or event.round_trips):
            new = {"line": event.line, "statements": 0, "round_trips": 0, "errors": []}
            line = lines.setdefault(event.line, new)
            line["statements"] += sends
            line["round_trips"] += event.round_trips
            if event.error and event.error not in line["errors"]:
                line["errors"].append(event.error)
    return list(lines.values())
