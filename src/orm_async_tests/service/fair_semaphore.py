"""A semaphore that serves waiting tasks in order, and limits how long they wait."""

import asyncio


class FairSemaphore:
    """Lets a limited number of tasks in at a time, first come, first served.

    SQLAlchemy's pool hands a returned connection to whichever task asks next, even when others are
    waiting (test206). A semaphore of asyncio in front of the pool keeps the order.
    """

    def __init__(self, limit: int, timeout: float) -> None:
        """Let `limit` tasks in at a time. Another task waits for at most `timeout` seconds."""
        self._semaphore = asyncio.Semaphore(limit)
        self._timeout = timeout

    async def __aenter__(self) -> None:
        """Wait for a place. Raise TimeoutError after the timeout."""
        if not self._semaphore.locked():
            await self._semaphore.acquire()  # without the cost of a timeout
            return
        async with asyncio.timeout(self._timeout):
            await self._semaphore.acquire()

    async def __aexit__(self, *_: object) -> None:
        """Let the next task in."""
        self._semaphore.release()
