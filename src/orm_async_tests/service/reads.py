"""Reads of one statement, which take one round trip without BEGIN and ROLLBACK (test22)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import Executable, Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.service.parameters import CacheControl, requires_primary
from orm_async_tests.service.sessions import FairSemaphore

Rows = Sequence[Row[Any]]


class Reader:
    """Runs single statements in AUTOCOMMIT on the connections of an engine's pool."""

    def __init__(self, engine: AsyncEngine, reads: FairSemaphore, pool: FairSemaphore) -> None:
        """Read from this engine.

        `pool` has as many places as the engine's pool. `reads` has fewer places, and all readers
        share it: reads are short, and one process finishes no sooner if more of them run at a time.
        """
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._reads, self._pool = reads, pool

    async def rows(self, statement: Executable, parameters: Mapping[str, Any]) -> Rows:
        """Return the statement's rows. Repeat the statement once if its connection is lost.

        Raise TimeoutError if the pool has no connection in time.
        """
        try:
            return await self._execute(statement, parameters)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            return await self._execute(statement, parameters)

    async def _execute(self, statement: Executable, parameters: Mapping[str, Any]) -> Rows:
        async with self._reads, self._pool, self._engine.connect() as connection:
            return (await connection.execute(statement, parameters)).all()


async def choose_reader(request: Request, cache_control: CacheControl = None) -> Reader:
    """Return the reader of the primary for no-cache, otherwise a reader that may use a standby."""
    state = request.app.state
    reader: Reader = state.fresh_reader if requires_primary(cache_control) else state.reader
    return reader


Read = Annotated[Reader, Depends(choose_reader, scope="function")]
