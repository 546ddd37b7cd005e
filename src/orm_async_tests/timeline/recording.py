"""Records what tasks and connections do.

The module `engine_hooks` calls the recorder. SQLAlchemy locks a mutex for each connection, so a
connection runs one statement at a time. The waiting statements of a connection run in order.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import perf_counter_ns
from typing import Any, NamedTuple, cast

import sqlalchemy

from orm_async_tests.timeline.call_lines import NOWHERE, USER, CallLines, IsUser, Place
from orm_async_tests.timeline.event_list import Event, Kind

CANCELLED = "CancelledError"
# The classes of errors that are raised before the client sends a statement.
CLIENT_ERRORS = ("InterfaceError", "MissingGreenlet")
SQLALCHEMY = str(Path(sqlalchemy.__file__).parent)
LONGEST_MESSAGE = 200  # characters
# After a statement has run for this many microseconds, the server is asked what blocks it. The
# second limit applies while several connections are checked out.
LIMIT_ALONE, LIMIT_AMONG_OTHERS = 5000, 1000
PREFIX = re.compile(r"^<class '[\w.]+'>: ")  # of the messages of SQLAlchemy's adapter for asyncpg

Describe = Callable[[BaseException], str]  # an error's class and codes


@dataclass(slots=True, eq=False)
class ConnectionRecord:
    number: int
    pid: int
    checkout: Event | None = None
    running: Event | None = None
    last: Event | None = None
    waiting: list[Event] = field(default_factory=list)  # wait for the running statement
    begins: bool = True  # the next statement begins a transaction
    round_trips: int = 0  # the round trips of all events so far


class Owner(NamedTuple):
    """The task for which events count: the running task, or the task that called a library."""

    task: int
    created_at: Place  # the user's line that created the running task or called the library
    is_closing: bool = False  # SQLAlchemy created the task to close something, without user's code


NO_TASK = Owner(0, NOWHERE)


class Recorder:
    def __init__(
        self,
        is_user: IsUser,
        name: str = "",
        describe: Describe = lambda error: type(error).__name__,
        count_round_trips: Callable[[int], int | None] | None = None,
    ) -> None:
        self.events: list[Event] = []
        self.connections: list[ConnectionRecord] = []
        self.changes = 0  # the number of events that began or ended
        self._lines = CallLines(is_user)
        self._name = name  # the first task's name, if it differs from its coroutine's name
        self._describe = describe
        self._count_round_trips = count_round_trips
        self._owner: ContextVar[Owner | None] = ContextVar("owner", default=None)
        self._origin = 0  # nanoseconds
        self._task_count = 0
        self._locks: dict[Event, Event] = {}  # lock waits, by the waiting statement
        self._is_finished = False
        self._factories: dict[asyncio.AbstractEventLoop, Any] = {}  # the replaced task factories

    def start(self) -> None:
        self._origin = perf_counter_ns()
        self._find_owner()

    def now(self) -> int:
        """Return the microseconds since the recording began."""
        return self._convert(perf_counter_ns())

    def _convert(self, moment: int) -> int:
        """Convert a value of `perf_counter_ns()` to microseconds since the recording began."""
        return (moment - self._origin) // 1000

    def begin(
        self, kind: Kind, connection: ConnectionRecord | None = None, text: str = ""
    ) -> Event:
        """Add an unfinished event of the running task."""
        task, created, is_closing = self._owner.get() or self._find_owner()
        place = NOWHERE if is_closing else self._lines.find(text or kind)
        path, line = created if place is NOWHERE else place
        self.changes += 1
        number, pid = (connection.number, connection.pid) if connection else (0, 0)
        event = Event(kind, self.now(), -1, task, number, pid, line, text, path=path)
        self.events.append(event)
        return event

    def finish_event(self, event: Event, error: BaseException | None = None) -> None:
        event.duration = self.now() - event.start
        self.changes += 1
        if error is not None:
            self.set_error(event, error)

    def set_error(self, event: Event, error: BaseException) -> None:
        event.error = self._describe(error)
        if isinstance(error, asyncio.CancelledError):
            return  # its message names objects of libraries
        text = PREFIX.sub("", str(getattr(error, "orig", None) or error))
        event.message = " ".join(text.split())[:LONGEST_MESSAGE]

    def begin_statement(self, connection: ConnectionRecord, kind: Kind, text: str) -> Event:
        """Record that a task starts a statement, a COMMIT or a ROLLBACK."""
        self._add_round_trips(connection)
        event = self.begin(kind, connection, text)
        event.begins, connection.begins = connection.begins, kind != "statement"
        if connection.running is None:
            connection.running = connection.last = event
        elif kind == "statement":
            connection.waiting.append(event)
        return event

    def finish_statement(
        self,
        connection: ConnectionRecord,
        event: Event,
        error: BaseException | None = None,
        begin_trips: int = 0,
    ) -> None:
        """Record the end of a statement, and the start of the connection's next waiting statement.

        The parameter `begin_trips` is the number of round trips for BEGIN alone.
        """
        is_watched = False
        if connection.running is event:
            is_watched = self._add_round_trips(connection)
            connection.running = None
        elif event in connection.waiting:
            connection.waiting.remove(event)
            event.unsent = True
        self.finish_event(event, error)
        if error is not None and is_watched:
            event.unsent |= event.round_trips <= begin_trips
        elif error is not None:
            event.unsent |= type(error).__name__ in CLIENT_ERRORS
        if connection.waiting and connection.running is None:
            following = connection.waiting.pop(0)
            sent = self.now()
            duration, holders = sent - following.start, (event.task,)
            self.events.append(_copy_wait(following, "busy", holders, duration))
            following.start = sent
            connection.running = connection.last = following

    def _add_round_trips(self, connection: ConnectionRecord) -> bool:
        """Add a connection's new round trips to its latest event.

        Return whether the round trips of this connection are counted.
        """
        if not self._count_round_trips or connection.last is None or not connection.pid:
            return False
        count = self._count_round_trips(connection.pid)
        if count is None:
            return False
        # This includes fetching rows from a stream, which has no event.
        connection.last.round_trips += count - connection.round_trips
        connection.round_trips = count
        return True

    def add_connection(self, pid: int, opening: Event | None) -> ConnectionRecord:
        """Add a connection to the recording.

        Pass None as `opening` if the connection was open before the recording began.
        """
        connection = ConnectionRecord(len(self.connections) + 1, pid, last=opening)
        self.connections.append(connection)
        if opening is not None:
            opening.connection, opening.pid = connection.number, pid
            self.finish_event(opening)
            self._add_round_trips(connection)
        return connection

    def check_out(self, connection: ConnectionRecord) -> None:
        connection.checkout = connection.last = self.begin("checkout", connection)
        connection.begins = True
        self._add_round_trips(connection)  # of pool_pre_ping

    def check_in(self, connection: ConnectionRecord) -> None:
        self._add_round_trips(connection)
        if connection.checkout is not None:
            self.finish_event(connection.checkout)
            connection.checkout = None

    def finish_wait(self, start: int, changes: int, error: BaseException | None = None) -> None:
        """Record that a task's wait for a connection has ended.

        The parameters `start` and `changes` are the values of `perf_counter_ns()` and
        `Recorder.changes` at the start of the wait.
        """
        if self.changes != changes or error:  # else the pool had a free connection
            event = self.begin("pool")
            event.start = self._convert(start)
            self.finish_event(event, error)

    def add_locks(self, blocked: Collection[tuple[int, Sequence[int]]], since: int) -> None:
        """Record which server processes waited for a lock.

        Each pair in `blocked` has the PID of a waiting process, and the PIDs of its blockers. The
        parameter `since` is the value of `perf_counter_ns()` when the query for locks began.
        Several threads may call `add_locks()` at the same time.
        """
        by_pid = {connection.pid: connection for connection in list(self.connections)}
        for pid, blockers in blocked:
            running = by_pid[pid].running if pid in by_pid else None
            # If the statement began later, the lock may have blocked the previous statement.
            if running is not None and running.start <= self._convert(since):
                holders = tuple(by_pid[pid].number if pid in by_pid else 0 for pid in blockers)
                self._locks.setdefault(running, _copy_wait(running, "lock", holders))

    def find_slow_backends(self) -> list[int]:
        """Return the PIDs of server processes with a long-running statement."""
        connections = list(self.connections)  # a copy, because another thread calls this
        in_use = sum(connection.checkout is not None for connection in connections)
        latest = self.now() - (LIMIT_ALONE if in_use < 2 else LIMIT_AMONG_OTHERS)
        running = [(connection.pid, connection.running) for connection in connections]
        return [pid for pid, event in running if event and event.start <= latest and pid]

    def _find_owner(self) -> Owner:
        """Record the running task, and all tasks that its event loop creates later."""
        task = None
        with suppress(RuntimeError):  # no event loop is running
            task = asyncio.current_task()
        if task is None:
            return NO_TASK
        loop = task.get_loop()
        if loop not in self._factories:
            self._factories[loop] = loop.get_task_factory()
            loop.set_task_factory(cast(Any, self.create_task))
        name = "" if self._task_count else self._name
        event = self._add_task(name or _name_coroutine(task.get_coro()), self._lines.find())
        task.add_done_callback(partial(self._end_task, event))
        owner = Owner(event.task, (event.path, event.line))
        self._owner.set(owner)
        return owner

    def restore_loops(self) -> None:
        for loop, factory in self._factories.items():
            if loop.get_task_factory() == self.create_task:  # otherwise other code has replaced it
                loop.set_task_factory(factory)
        self._factories.clear()

    def create_task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **options: Any
    ) -> "asyncio.Task[Any]":
        """Create and record a task, as the task factory of the event loop.

        Events of a library's task count for the task that called the library.
        """
        is_users, place = self._lines.find_creator()
        is_library = not is_users and asyncio.current_task(loop) is not None
        owner = self._owner.get() if is_library else None
        event = None
        if owner is None:
            event = self._add_task(_name_coroutine(coroutine), place)
            task_owner = Owner(event.task, place)
        else:
            code = getattr(coroutine, "cr_code", None)
            is_closing = code is not None and code.co_filename.startswith(SQLALCHEMY)
            created_at = owner.created_at if place is NOWHERE else place
            task_owner = Owner(owner.task, created_at, is_closing)
        if context := options.get("context"):
            with suppress(RuntimeError):  # the running task uses this context, and keeps its owner
                context.run(self._owner.set, task_owner)
        previous = self._owner.set(task_owner)  # the new task copies the context
        task: asyncio.Task[Any]
        if factory := self._factories.get(loop):
            task = factory(loop, coroutine, **options)
        else:
            task = asyncio.Task(coroutine, loop=loop, **options)
        self._owner.reset(previous)
        if event is not None:
            task.add_done_callback(partial(self._end_task, event))
        return task

    def _add_task(self, name: str, place: Place) -> Event:
        self._task_count += 1
        event = Event("task", self.now(), -1, self._task_count, text=name)
        event.path, event.line = place
        self.events.append(event)
        return event

    def _end_task(self, event: Event, task: "asyncio.Task[Any]") -> None:
        if self._is_finished:
            return
        self.finish_event(event)
        error = getattr(task, "_exception", None)  # exception() would silence asyncio's warning
        if task.cancelled():
            event.error = CANCELLED
            cancel = Event("cancel", event.end, task=event.task, line=event.line, path=event.path)
            self.events.append(cancel)
        elif error is not None:
            event.error = type(error).__name__

    def add_http(self, text: str) -> None:
        event = self.begin("http", text=text)
        event.duration = 0
        if asyncio.current_task() is None:  # a callback of the server
            event.task = 0

    def add_error(self, error: BaseException) -> None:
        event = self.begin("cancel" if isinstance(error, asyncio.CancelledError) else "error")
        event.duration = 0
        self.set_error(event, error)
        trace = error.__traceback__
        while trace is not None:
            file = trace.tb_frame.f_code.co_filename
            if self._lines[file] == USER:
                event.path, event.line = file, trace.tb_lineno
            trace = trace.tb_next

    def finish(self) -> list[Event]:
        """End all unfinished events, and return all events in the order of their start."""
        end = self.now()
        self._is_finished = True  # what ends later is not recorded
        for event in self.events:
            if event.duration < 0:
                event.duration = end - event.start
            event.text = " ".join(event.text.split())
        for statement, lock in self._locks.items():
            lock.duration, lock.text = statement.duration, statement.text
        self.events += self._locks.values()
        self.events.sort(key=lambda event: event.start)
        self._renumber_tasks()
        return self.events

    def _renumber_tasks(self) -> None:
        active = {event.task for event in self.events if event.kind != "task"}
        self.events = [event for event in self.events if event.task in {0, 1, *active}]
        numbers = {number: new for new, number in enumerate(sorted({1, *active} - {0}), start=1)}
        for event in self.events:
            event.task = numbers.get(event.task, 0)
            if event.kind == "busy":
                event.holders = tuple(numbers.get(task, 0) for task in event.holders)


def _copy_wait(event: Event, kind: Kind, holders: tuple[int, ...], duration: int = -1) -> Event:
    return replace(
        event, kind=kind, duration=duration, holders=holders, begins=False, round_trips=0
    )


def _name_coroutine(coroutine: Any) -> str:
    name: str = getattr(coroutine, "__qualname__", "a coroutine")
    return name.rpartition("<locals>.")[2]
