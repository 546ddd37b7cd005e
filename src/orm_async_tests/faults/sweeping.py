"""Inject a fault at every point of a piece of work, one point after the other."""

import gc
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from itertools import count
from platform import python_version
from typing import Any
from uuid import uuid4

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults.inject import SILENT_FOR, Subject, inject
from orm_async_tests.faults.kinds import ANYWHERE, Fault, faults
from orm_async_tests.faults.known import explained
from orm_async_tests.faults.network import PORT, through
from orm_async_tests.faults.outcome import DONE, OPEN_BACKEND, ORPHAN, TASK, Outcome, Point
from orm_async_tests.faults.patterns import Work
from orm_async_tests.faults.report import Cell, Report
from orm_async_tests.faults.server import asked
from orm_async_tests.postgres import PrivateServer

FIRST, LAST = 30, 10  # messages that are cut at where there are more
TRIES = 3  # to reach a point that comes or does not
SLOW = {OPEN_BACKEND, ORPHAN, TASK}  # what a machine that stalls shows, too


async def sweep(
    work: Work,
    engine: AsyncEngine,
    *,
    rows: str | None = None,
    kinds: Sequence[str] = ANYWHERE,
    patience: float = SILENT_FOR,
) -> Report:
    """Run `await work(engine)` once for each point and fault, and report what each left behind.

    `rows` is a query of one row of numbers that the work changes, such as a count: after each
    point they must have changed by nothing, or as the work without faults changes them. Connections
    are told from others by their application_name; the engine's pool is disposed after each point.
    A network that is silent may keep the caller waiting for as many seconds as `patience`: give it
    more than twice the driver's timeout for a command.
    Raises CouldNotRun if the work fails without faults, or the server cannot be asked, or killed.
    """
    swept = cells(work, lambda: engine, engine.url, rows, kinds=kinds, patience=patience)
    found = [each async for each in swept]
    explained(found, libraries(engine.driver))
    return Report(found)


def libraries(driver: str) -> dict[str, str]:
    """The versions here, by the names that defects use."""
    names = ("sqlalchemy", driver)
    return {"python": python_version(), **{name: version(name) for name in names}}


async def cells(
    work: Work,
    make_engine: Any,
    url: URL,
    rows: str | None,
    *,
    kinds: Sequence[str] = ANYWHERE,
    warm: bool = True,
    loop: str = "asyncio",
    name: str | None = None,
    private: PrivateServer | None = None,
    patience: float = SILENT_FOR,
) -> AsyncIterator[Cell]:
    """A cell for each fault, when it was swept. A private server may be killed."""
    named = name or str(getattr(work, "__qualname__", work))
    if private is None:
        refuse_kill(kinds)
    with asked(url, f"faults {uuid4().hex[:12]}", private) as server, _frozen():
        subject = Subject(work, make_engine, server, rows, warm, patience=patience)
        for fault in faults(tuple(kinds)):
            point = Point(url.get_driver_name(), loop, named, fault, 0)
            with _connected(subject, url, fault) as connected:
                yield await swept(connected, point)


async def swept(subject: Subject, start: Point) -> Cell:
    """Every point of one fault, after two runs without it that have to agree on the rows."""
    first, second = await _without(subject, start), await _without(subject, start)
    cell = Cell(start.work, start.fault, (first.counted, second.counted))
    if first.violations and second.violations:
        cell.outcomes.append(second)
    for at in points(max(cell.counts), start.fault):
        if start.fault.second:
            cell.outcomes += [each async for each in _pairs(subject, replace(start, at=at), second)]
            continue
        outcome = await attempt(subject, replace(start, at=at), second.change)
        if outcome.reached or at <= min(cell.counts):  # else there is no such point today
            cell.outcomes.append(outcome)
    if start.fault.second:
        cell.counts = (len(cell.outcomes), len(cell.outcomes))
    return cell


async def _pairs(subject: Subject, first: Point, without: Outcome) -> AsyncIterator[Outcome]:
    """The second fault at each suspension after the first one, until the caller is released.

    What comes too late to be delivered, such as the end of a backend that is gone, is no point.
    """
    for then in count(1):
        outcome = await attempt(subject, replace(first, then=then), without.change, tries=1)
        if not outcome.reached:
            return
        if outcome.delivered:
            yield outcome


async def _without(subject: Subject, start: Point) -> Outcome:
    """The outcome without a fault. Raises CouldNotRun if the work fails."""
    outcome = await inject(subject, start)
    if outcome.ended != DONE:
        raise CouldNotRun(
            f"without a fault it raised {outcome.ended}: {outcome.error}",
            start.work,
            "correct it: only work that succeeds can be swept",
        )
    outcome.whole = outcome.change
    return outcome


async def attempt(
    subject: Subject, point: Point, whole: tuple[Any, ...], *, tries: int = TRIES
) -> Outcome:
    """A point, tried again where the work did not come to it, or what it broke takes time to see.

    What is not seen again then is no violation, and no pass: it is unresolved.
    """
    outcome = await inject(subject, point, whole)
    for _ in range(tries - 1):
        if outcome.reached or outcome.violations:
            break
        outcome = await inject(subject, point, whole)
    if SLOW.issuperset(outcome.violations) and outcome.violations:
        again = await inject(subject, point, whole)
        if set(again.violations) != set(outcome.violations):
            again.once = outcome.violations
        return again
    return outcome


def refuse_kill(kinds: Sequence[str]) -> None:
    """Raises CouldNotRun where a server is to be killed that may be somebody else's."""
    if "kill" in kinds:
        raise CouldNotRun(
            "only a private server is killed, and it has the tables of the patterns alone",
            "--fault kill",
            "orm-async-tests faults --fault kill, with patterns of this project",
        )


def points(most: int, fault: Fault) -> list[int]:
    """The numbers of the points; of very many messages the first and the last."""
    every = list(range(1, most + 1))
    if fault.by_message and most > FIRST + LAST:
        return every[:FIRST] + every[-LAST:]
    return every


@contextmanager
def _connected(subject: Subject, url: URL, fault: Fault) -> Iterator[Subject]:
    """The subject with a network to the server, for the faults that need one."""
    if not fault.by_message:
        yield subject
        return
    host = url.host or url.query.get("host") or "127.0.0.1"
    if not isinstance(host, str):
        raise CouldNotRun(
            "the URL names several hosts", "its host", "one host, or faults other than reset, fin"
        )
    with through(host, url.port or PORT) as network:
        yield replace(subject, network=network)


@contextmanager
def _frozen() -> Iterator[None]:
    """Spare the collector what was there before: it runs twice at each point."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def again(
    work: Work,
    make_engine: Any,
    url: URL,
    rows: str | None,
    point: Point,
    *,
    warm: bool = True,
    private: PrivateServer | None = None,
    patience: float = SILENT_FOR,
) -> Outcome:
    """The outcome of one point."""
    with asked(url, f"faults {uuid4().hex[:12]}", private) as server:
        subject = Subject(work, make_engine, server, rows, warm, patience=patience)
        with _connected(subject, url, point.fault) as connected:
            first = await inject(connected, replace(point, at=0, then=0))
            return await attempt(connected, point, first.change)
