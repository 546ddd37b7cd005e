from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

BOTH = text("ANALYZE parcels; ANALYZE routes")
FIRST = "ANALYZE parcels;"
NOTE = "Parcels are first; routes are second"


class Runner:
    def __init__(self, session: AsyncSession):
        self._session = session

    async def run(self, statement: TextClause):
        await self._session.execute(statement)

    async def run_text(self, sql: str, note: str):
        await self._session.execute(text(sql), {"note": note})


async def constant(session: AsyncSession):
    await Runner(session).run(BOTH)  # OAT503


# Right


async def right(session: AsyncSession):
    await Runner(session).run_text(FIRST, NOTE)
