"""A buffer for received data: in memory up to a size, beyond it in a temporary file."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Self, TypeVar

from fastapi import HTTPException

PART = 32 * 1024  # bytes of one read

Result = TypeVar("Result")


class Spool:
    """Bytes that are written once and then read, without blocking the event loop on the disk.

    The temporary file is in TMPDIR and has no name there, so it disappears when the block ends, and
    also when the process is killed.
    """

    def __init__(self, memory: int) -> None:
        """Keep up to `memory` bytes in memory."""
        self._memory = memory
        self._size = 0
        self._file = SpooledTemporaryFile[bytes](memory)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    async def fill(self, parts: AsyncIterable[bytes]) -> None:
        """Write all parts. Raise HTTPException 503 if the disk is full or not writable."""
        async for part in parts:
            self._size += len(part)
            try:
                await self._call(self._file.write, part)
            except OSError as error:
                why = f"the service cannot store this upload: {error.strerror}; nothing was added"
                raise HTTPException(503, why, {"Retry-After": "60"}) from None

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the bytes from the start, PART at a time."""
        await self._call(self._file.seek, 0)
        while part := await self._call(self._file.read, PART):
            yield part

    async def _call(self, function: Callable[..., Result], *arguments: object) -> Result:
        if self._size <= self._memory:
            return function(*arguments)
        return await asyncio.to_thread(function, *arguments)
