import shop_sessions
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

INDEXES = [
    "CREATE INDEX a_at ON a (at)",
    "DROP INDEX b_at; CREATE INDEX b_at ON b (at)",  # OAT503
]
CHANGES = {
    "name": "ALTER TABLE a ADD COLUMN name text",
    "note": "UPDATE a SET note = ''; ALTER TABLE a ALTER COLUMN note SET NOT NULL",  # OAT503
}
SEPARATE = "DELETE FROM a; DELETE FROM b".split(";")


async def create_indexes(connection: AsyncConnection):
    for command in INDEXES:
        await connection.exec_driver_sql(command)


async def change(session: AsyncSession, done: set[str]):
    for name, command in CHANGES.items():
        if name not in done:
            await session.execute(text(command))


async def clean(session: AsyncSession):
    for command in (text("ANALYZE a"), text("VACUUM b; VACUUM c")):  # OAT503
        await session.execute(command)
    await shop_sessions.run_sql(session, shop_sessions.CLEANING)  # OAT503


class Tables:
    names = ("a", "b")

    def commands(self):
        return [f"ANALYZE {name}" for name in self.names]

    async def analyze(self, session: AsyncSession):
        await session.execute(text("; ".join(self.commands())))  # OAT503


# Right


async def one_by_one(session: AsyncSession):
    for command in SEPARATE:
        await session.execute(text(command))
    for command in Tables().commands():
        await session.execute(text(command))
    for name in CHANGES:
        await session.execute(text(f"INSERT INTO changes VALUES ('{name}')"))
