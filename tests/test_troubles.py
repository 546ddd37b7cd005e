"""Record every problem that reaches no caller, and restore what was set before."""

import asyncio
import gc
import logging
import sys
import warnings
import weakref
from collections.abc import Callable

import pytest

from orm_async_tests.troubles import Troubles, clear_frames, record_troubles


class Fragile:
    """An object whose destructor raises."""

    def __del__(self) -> None:
        raise RuntimeError("in __del__")


def log() -> None:
    logging.getLogger("some.library").error("could not close")


def warn() -> None:
    warnings.warn("unclosed", ResourceWarning, stacklevel=1)


def destroy() -> None:
    Fragile()


def raise_in_callback() -> None:
    def fail() -> None:
        raise RuntimeError("in a callback")

    asyncio.get_running_loop().call_soon(fail)


def forget_an_exception() -> None:
    future = asyncio.get_running_loop().create_future()
    future.set_exception(RuntimeError("never retrieved"))


@pytest.mark.parametrize(
    ("cause_problem", "message"),
    [
        (log, "logged by some.library: could not close"),
        (warn, "ResourceWarning: unclosed"),
        (destroy, "in a destructor or callback: RuntimeError('in __del__')"),
        (raise_in_callback, "RuntimeError('in a callback')"),
        (forget_an_exception, "RuntimeError('never retrieved')"),
    ],
)
def test_a_problem_is_recorded(cause_problem: Callable[[], None], message: str) -> None:

    async def record() -> list[str]:
        with record_troubles() as troubles:
            cause_problem()
            await asyncio.sleep(0)
            gc.collect()
        return troubles.messages

    [line] = asyncio.run(record())
    assert line.endswith(message)


def test_a_task_that_is_dropped_is_counted() -> None:
    async def wait_for_ever() -> None:
        await asyncio.get_running_loop().create_future()

    async def record() -> Troubles:
        with record_troubles() as troubles:
            task = asyncio.create_task(wait_for_ever())
            await asyncio.sleep(0)
            del task
            gc.collect()
        return troubles

    troubles = asyncio.run(record())
    assert (troubles.pending_tasks, troubles.errors) == (1, [])
    assert troubles.messages == ["tasks lost before they had finished: 1"]


def test_previous_handlers_are_restored() -> None:
    def hook(unraisable: object) -> None:
        raise AssertionError(unraisable)

    async def record(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "unraisablehook", hook)
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        before = loop.get_exception_handler(), logging.getLogger().handlers[:], warnings.filters[:]
        with pytest.raises(KeyError), record_troubles():
            raise KeyError
        after = loop.get_exception_handler(), logging.getLogger().handlers[:], warnings.filters[:]
        assert after == before
        assert sys.unraisablehook is hook

    with pytest.MonkeyPatch.context() as monkeypatch:
        asyncio.run(record(monkeypatch))


def test_frames_of_an_error_and_of_its_causes_are_cleared() -> None:
    class Kept:
        pass

    references = []

    def inner() -> None:
        kept = Kept()
        references.append(weakref.ref(kept))
        raise KeyError

    def outer() -> None:
        kept = Kept()
        references.append(weakref.ref(kept))
        try:
            inner()
        except KeyError as error:
            raise ValueError from error

    with pytest.raises(ValueError) as raised:  # noqa: PT011
        outer()
    assert all(reference() for reference in references)
    clear_frames(raised.value)
    assert not any(reference() for reference in references)
