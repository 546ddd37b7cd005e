from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


async def record(session: AsyncSession, event: str) -> None:
    try:
        await session.execute(text("INSERT INTO audit (event) VALUES (:e)"), {"e": event})
    except Exception:
        print("audit failed")
