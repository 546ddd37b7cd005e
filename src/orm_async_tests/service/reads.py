"""Reads of one statement: no BEGIN and no ROLLBACK around it, so one round trip (test22)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import Executable, Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.service.parameters import CacheControl, requires_primary
from orm_async_tests.service.turns import Turns

Rows = Sequence[Row[Any]]


class Reader:
    """Runs a statement at a time, in AUTOCOMMIT, on connections of an engine's pool.

    reads: its turns, and those of other readers. More of them at a time would be no faster: they
    are short, and one process asks for them and makes their answers.
    """

    def __init__(self, engine: AsyncEngine, reads: Turns, pool: Turns) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._reads, self._pool = reads, pool

    async def rows(self, statement: Executable, parameters: Mapping[str, Any]) -> Rows:
        """The statement's rows; a read that lost its connection is asked once more."""
        try:
            return await self._rows(statement, parameters)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            return await self._rows(statement, parameters)

    async def _rows(self, statement: Executable, parameters: Mapping[str, Any]) -> Rows:
        async with self._reads, self._pool, self._engine.connect() as connection:
            return (await connection.execute(statement, parameters)).all()


async def chosen_reader(
    request: Request,
    cache_control: CacheControl = None,
) -> Reader:
    """The reader where reads go, which may lag behind, or where writes go."""
    state = request.app.state
    made: Reader = state.fresh_reader if requires_primary(cache_control) else state.reader
    return made


Read = Annotated[Reader, Depends(chosen_reader, scope="function")]
