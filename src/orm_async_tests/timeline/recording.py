"""Record what tasks and connections do, until `finish` is called.

`engine_hooks` calls the recorder from SQLAlchemy's events. A statement on a connection that another
task is using waits for that task, because the adapter between SQLAlchemy and the driver has a mutex
for each connection. The first statement in the queue is sent when the running one is answered.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any, cast

from orm_async_tests.timeline.call_lines import CallLines, IsUser
from orm_async_tests.timeline.event_list import Event, Kind

CANCELLED = "CancelledError"
LONGEST_MESSAGE = 200  # characters
PREFIX = re.compile(r"^<class '[\w.]+'>: ")  # of the messages of SQLAlchemy's adapter for asyncpg

Describe = Callable[[BaseException], str]  # an error's class and codes


@dataclass(slots=True, eq=False)
class ConnectionRecord:
    """A connection to the server, and what it is doing."""

    number: int
    pid: int
    checkout: Event | None = None
    running: Event | None = None
    last: Event | None = None
    waiting: list[Event] = field(default_factory=list)  # for the running statement
    begins: bool = False  # the next statement begins a transaction
    round_trips: int = 0  # that the events so far have


class Recorder:
    """The events so far, and the state of tasks and connections that they lead to."""

    def __init__(
        self,
        is_user: IsUser,
        name: str = "",
        describe: Describe = lambda error: type(error).__name__,
        count_round_trips: Callable[[int], int] | None = None,
    ) -> None:
        self.events: list[Event] = []
        self.connections: dict[ConnectionRecord, None] = {}  # an ordered set
        self.changes = 0  # events that began or ended
        self._lines = CallLines(is_user)
        self._name = name  # of the first task, if it is not its coroutine's
        self._describe = describe
        self._count_round_trips = count_round_trips
        self._tasks: dict[int, Event] = {}  # by the id of a running task
        self._origin = 0  # nanoseconds
        self._task_count = 0
        self._loops: list[asyncio.AbstractEventLoop] = []  # whose task factory is the recorder's

    def start(self) -> None:
        """Begin: count the time from now, and make the running task the first one."""
        self._origin = perf_counter_ns()
        self.current_task()

    def now(self) -> int:
        """Return the microseconds since the recording began."""
        return (perf_counter_ns() - self._origin) // 1000

    def begin(
        self, kind: Kind, connection: ConnectionRecord | None = None, text: str = ""
    ) -> Event:
        """Return a new event of the running task, which `finish_event` completes."""
        task = self.current_task()
        path, line = self._lines.find()
        number = 0
        if task is not None:
            number = task.task
            if not line:
                path, line = task.path, task.line
        self.changes += 1
        start = (perf_counter_ns() - self._origin) // 1000
        if connection is None:
            return Event(kind, start, -1, number, 0, 0, line, text, path=path)
        ids = connection.number, connection.pid
        return Event(kind, start, -1, number, *ids, line, text, path=path)

    def finish_event(self, event: Event, error: BaseException | None = None) -> None:
        """Set the duration of an event, and the error that ended it."""
        event.duration = (perf_counter_ns() - self._origin) // 1000 - event.start
        self.changes += 1
        if error is not None:
            self.set_error(event, error)

    def set_error(self, event: Event, error: BaseException) -> None:
        """Set the error of an event."""
        event.error = self._describe(error)
        if isinstance(error, asyncio.CancelledError):
            return  # its message names objects of libraries
        text = PREFIX.sub("", str(getattr(error, "orig", None) or error))
        event.message = " ".join(text.split())[:LONGEST_MESSAGE]

    def begin_statement(self, connection: ConnectionRecord, kind: Kind, text: str) -> Event:
        """Record that a task sends a statement, COMMIT or ROLLBACK, or waits for its turn."""
        self._add_round_trips(connection)
        event = self.begin(kind, connection, text)
        event.begins, connection.begins = connection.begins, False
        self.events.append(event)
        if connection.running is None:
            connection.running = connection.last = event
        elif kind == "statement":
            connection.waiting.append(event)
        return event

    def finish_statement(
        self, connection: ConnectionRecord, event: Event, error: BaseException | None = None
    ) -> None:
        """Record the server's answer or an error, and that the next statement is sent."""
        if connection.waiting and event in connection.waiting:
            connection.waiting.remove(event)
        self.finish_event(event, error)
        if connection.running is event:
            self._add_round_trips(connection)
            connection.running = None
            if connection.waiting:
                self._end_waiting(connection, event.task)

    def _end_waiting(self, connection: ConnectionRecord, holder: int) -> None:
        following = connection.waiting.pop(0)
        busy = Event("busy", following.start, task=following.task, line=following.line)
        busy.path, busy.holders, busy.text = following.path, (holder,), following.text
        busy.connection, busy.pid = connection.number, connection.pid
        following.start = self.now()
        busy.duration = following.start - busy.start
        self.events.append(busy)
        connection.running = connection.last = following

    def _add_round_trips(self, connection: ConnectionRecord) -> None:
        """Add new round trips to the last event, because fetches of a stream are no events."""
        if self._count_round_trips and connection.last is not None and connection.pid:
            count = self._count_round_trips(connection.pid)
            connection.last.round_trips += count - connection.round_trips
            connection.round_trips = count

    def add_connection(self, pid: int, opening: Event | None) -> ConnectionRecord:
        """Record a connection that is new here; it may have been opened before the recording."""
        connection = ConnectionRecord(len(self.connections) + 1, pid, last=opening)
        self.connections[connection] = None
        if opening is not None:
            opening.connection, opening.pid = connection.number, pid
            self.finish_event(opening)
            self._add_round_trips(connection)
        return connection

    def check_out(self, connection: ConnectionRecord, wait: Event) -> None:
        """Record that the task that waited has the connection."""
        checkout = Event("checkout", self.now(), -1, wait.task, connection.number, connection.pid)
        checkout.line, checkout.path = wait.line, wait.path
        connection.checkout = connection.last = checkout
        self._add_round_trips(connection)  # of pool_pre_ping
        self.events.append(checkout)

    def check_in(self, connection: ConnectionRecord) -> None:
        """Record that the connection is back in its pool."""
        self._add_round_trips(connection)
        if connection.checkout is not None:
            self.finish_event(connection.checkout)
            connection.checkout = None

    def finish_wait(self, wait: Event, changes: int, error: BaseException | None = None) -> None:
        """Record a wait for the pool, unless nothing happened meanwhile: one was free."""
        if self.changes != changes or error:
            self.events.append(wait)
        self.finish_event(wait, error)

    def add_locks(self, blocked: Collection[tuple[int, Sequence[int]]]) -> None:
        """Record which backends wait for a lock now, as pairs of a pid and those that block it."""
        by_pid = {connection.pid: connection for connection in list(self.connections)}
        for pid, blockers in blocked:
            connection = by_pid.get(pid)
            running = connection.running if connection else None
            if running is None or any(
                event.kind == "lock" and event.start == running.start and event.pid == pid
                for event in reversed(self.events)
            ):
                continue
            lock = Event("lock", running.start, -1, running.task, running.connection, pid)
            lock.line, lock.path, lock.text = running.line, running.path, running.text
            lock.holders = tuple(by_pid[pid].number if pid in by_pid else 0 for pid in blockers)
            self.events.append(lock)

    def running_pids(self, longer_than: int) -> list[int]:
        """Return the backends whose statement has run for longer than these microseconds."""
        latest = self.now() - longer_than
        connections = list(self.connections)  # a copy, because another thread calls this
        running = [(connection, connection.running) for connection in connections]
        return [
            connection.pid
            for connection, event in running
            if event is not None and event.start <= latest and connection.pid
        ]

    def current_task(self) -> Event | None:
        """Return the event of the running task, or of the task on whose behalf it runs."""
        try:
            task = asyncio.current_task()
        except RuntimeError:
            return None
        if task is None:
            return None
        return self._tasks.get(id(task)) or self._find_task(task)

    def _find_task(self, task: "asyncio.Task[Any]") -> Event:
        """Record a task that exists already, and from now on the tasks of its loop."""
        loop = task.get_loop()
        if loop.get_task_factory() is None:
            loop.set_task_factory(cast(Any, self.create_task))
            self._loops.append(loop)
        name = getattr(task.get_coro(), "__qualname__", "a coroutine")
        task.add_done_callback(self._end_task)
        is_first = self._task_count == 0 and self._name
        return self._add_task(task, self._name if is_first else name)

    def restore_loops(self) -> None:
        """Remove the task factories."""
        while self._loops:
            loop = self._loops.pop()
            if loop.get_task_factory() == self.create_task:  # else it was replaced
                loop.set_task_factory(None)

    def create_task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **options: Any
    ) -> "asyncio.Task[Any]":
        """Create a task for the event loop, whose task factory this is.

        A task that a library creates, for example to close a session, counts as the task that
        called the library.
        """
        task = asyncio.Task(coroutine, loop=loop, **options)
        caller = None if self._lines.is_called_by_user() else self._current_or_none()
        if caller is None:
            self._add_task(task, getattr(coroutine, "__qualname__", "a coroutine"))
        else:
            path, line = self._lines.find()
            self._tasks[id(task)] = Event("task", 0, task=caller.task, line=line, path=path)
        task.add_done_callback(self._end_task)
        return task

    def _current_or_none(self) -> Event | None:
        try:
            return self._tasks.get(id(asyncio.current_task()))
        except RuntimeError:
            return None

    def _add_task(self, task: "asyncio.Task[Any]", name: str) -> Event:
        self._task_count += 1
        path, line = self._lines.find()
        name = name.rpartition("<locals>.")[2]
        event = Event("task", self.now(), -1, self._task_count, line=line, path=path, text=name)
        self._tasks[id(task)] = event
        self.events.append(event)
        return event

    def _end_task(self, task: "asyncio.Task[Any]") -> None:
        event = self._tasks.pop(id(task), None)
        if event is None or event.duration == 0:  # the second is a library's task
            return
        self.finish_event(event)
        event.error = _describe_end(task)
        if event.error == CANCELLED:
            path, line = event.path, event.line
            cancel = Event("cancel", event.end, task=event.task, line=line, path=path)
            self.events.append(cancel)

    def add_error(self, error: BaseException) -> None:
        """Record the error that ends the first task, at the user's innermost line."""
        event = self.begin("cancel" if isinstance(error, asyncio.CancelledError) else "error")
        event.duration = 0
        self.set_error(event, error)
        trace = error.__traceback__
        while trace is not None:
            if self._lines.is_user(trace.tb_frame.f_code.co_filename):
                event.path, event.line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
            trace = trace.tb_next
        self.events.append(event)

    def finish(self) -> list[Event]:
        """Return the events in the order of their beginnings; what still runs ends now."""
        end = self.now()
        self._tasks.clear()  # what ends later is not recorded
        answers = {(event.pid, event.start): event for event in self.events if event.kind in SENT}
        for event in self.events:
            if event.kind == "lock" and event.duration < 0:
                event.duration = answers[event.pid, event.start].duration
            if event.duration < 0:
                event.duration = end - event.start
            event.text = " ".join(event.text.split())
        self.events.sort(key=lambda event: event.start)
        self._renumber_tasks()
        return self.events

    def _renumber_tasks(self) -> None:
        """Remove tasks that did nothing, except the first, and number the others anew."""
        active = {event.task for event in self.events if event.kind != "task"}
        self.events = [event for event in self.events if event.task in {0, 1, *active}]
        numbers = {number: new for new, number in enumerate(sorted({1, *active} - {0}), start=1)}
        for event in self.events:
            event.task = numbers.get(event.task, 0)
            if event.kind == "busy":
                event.holders = tuple(numbers.get(task, 0) for task in event.holders)


SENT = ("statement", "commit", "rollback")


def _describe_end(task: "asyncio.Task[Any]") -> str:
    """Return the name of the error that ended a task, without marking it as retrieved."""
    if task.cancelled():
        return CANCELLED
    error = getattr(task, "_exception", None)  # exception() would silence asyncio's warning
    return type(error).__name__ if error is not None else ""
