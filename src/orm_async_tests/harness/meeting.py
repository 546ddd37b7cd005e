"""Order between two tasks without sleeping."""

from asyncio import Barrier, BrokenBarrierError
from contextlib import suppress


class Meeting:
    """Two tasks enter the `async with` block together, and leave it together.

    A task that calls leave() is done, and the other one goes on alone.
    """

    def __init__(self) -> None:
        self._barrier = Barrier(2)

    async def __aenter__(self) -> None:
        with suppress(BrokenBarrierError):
            await self._barrier.wait()

    async def __aexit__(self, *_: object) -> None:
        with suppress(BrokenBarrierError):
            await self._barrier.wait()

    async def leave(self) -> None:
        """Stay away from now on."""
        await self._barrier.abort()
