"""Turns at a pool, in the order in which requests came (test206)."""

import asyncio


class Turns:
    """So many at a time; who has waited longest is next.

    A pool gives a connection that comes back to whoever asks at that moment, ahead of those who
    wait. A semaphore of asyncio wakes them in order.
    """

    def __init__(self, at_a_time: int, patience: float) -> None:
        self._free = asyncio.Semaphore(at_a_time)
        self._patience = patience

    async def __aenter__(self) -> None:
        """Wait for a turn. Raises TimeoutError."""
        if not self._free.locked():
            await self._free.acquire()  # at once
            return
        async with asyncio.timeout(self._patience):
            await self._free.acquire()

    async def __aexit__(self, *_: object) -> None:
        """Let the next one have it."""
        self._free.release()
